import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32 } from "../builder/values.ts";
import { quantiseLanes } from "./quantise-lanes.ts";
import { tileTokens } from "./tile-layout.ts";

/**
 * The values of an f32 tile as those of a q8 tile; each channel has a scale.
 *
 *   source  f32 [width / 4][128 keys][4 channels]
 *   target  { f32 [width] scales | bytes [width / 4][32][4 channels][4 keys] }
 */
export const quantiseValues: Kernel = defineKernel(
  "quantiseValues",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const scale = code.local("address", target);
    const to = code.local("address", code.offset(target, i32.shl(width, i32.const(2))));
    code.repeat(i32.shrU(width, i32.const(2)), () => {
      const { scales } = quantiseLanes(code, from, to, i32.const(tileTokens));
      code.store(scale, scales);
      code.advance(from, tileTokens * 16);
      code.advance(to, tileTokens * 4);
      code.advance(scale, 16);
    });
  },
);
