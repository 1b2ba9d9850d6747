import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32 } from "../builder/values.ts";
import { quantiseLanes } from "./quantise-lanes.ts";
import { channelsPerGroup, tileTokens } from "./tile-layout.ts";

/**
 * The values of an f32 tile as those of a q8 tile; each channel has a scale.
 *
 *   source  f32 [width / 8][128 keys][8 channels]
 *   target  { f32 [width] scales | bytes [width / 8][32][8 channels][4 keys] }
 */
export const quantiseValues: Kernel = defineKernel(
  "quantiseValues",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const scale = code.local("address", target);
    const to = code.local("address", code.offset(target, i32.shl(width, i32.const(2))));
    code.repeat(i32.divU(width, i32.const(channelsPerGroup)), () => {
      const { scales } = quantiseLanes(code, from, to, i32.const(tileTokens));
      code.storePair(scale, scales);
      code.advance(from, tileTokens * channelsPerGroup * 4);
      code.advance(to, tileTokens * channelsPerGroup);
      code.advance(scale, channelsPerGroup * 4);
    });
  },
);
