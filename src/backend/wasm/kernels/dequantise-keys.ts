import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32, i32x4 } from "../builder/values.ts";
import { groupHeaderBytes, groupsPerTile } from "./tile-layout.ts";

/**
 * The keys of a q8 tile as those of an f32 tile.
 *
 *   source  32 × { 4 f32 scales | 4 i32 corrections | bytes [width / 4][4 keys][4 channels] }
 *   target  f32 [32 groups][width][4 keys]
 */
export const dequantiseKeys: Kernel = defineKernel(
  "dequantiseKeys",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    const bytes = code.local("v128");
    code.repeat(i32.const(groupsPerTile), () => {
      const scales = code.local("v128", code.load(from));
      code.advance(from, groupHeaderBytes);
      code.repeat(i32.shrU(width, i32.const(2)), () => {
        code.set(bytes, code.load(from));
        for (let channel = 0; channel < 4; channel++) {
          // The channel's byte to the top, so that the shift back brings its sign.
          const number = i32x4.shrS(i32x4.shl(bytes, 24 - channel * 8), 24);
          code.store(to, f32x4.mul(f32x4.convertI32(number), scales), channel * 16);
        }
        code.advance(from, 16);
        code.advance(to, 64);
      });
    });
  },
);
