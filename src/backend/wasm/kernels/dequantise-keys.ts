import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32, i32x4 } from "../builder/values.ts";
import { groupHeaderBytes, groupsPerTile } from "./tile-layout.ts";

/**
 * The keys of a q8 tile as those of an f32 tile.
 *
 *   source  16 × { 8 f32 scales | 8 i32 corrections | bytes [width / 4][8 keys][4 channels] }
 *   target  f32 [16 groups][width][8 keys]
 */
export const dequantiseKeys: Kernel = defineKernel(
  "dequantiseKeys",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    const bytes = code.locals(2, "v128");
    code.repeat(i32.const(groupsPerTile), () => {
      const scales = [0, 16].map((lane) => code.local("v128", code.load(from, lane)));
      code.advance(from, groupHeaderBytes);
      code.repeat(i32.shrU(width, i32.const(2)), () => {
        for (const [v, vector] of bytes.entries()) code.set(vector, code.load(from, v * 16));
        for (let channel = 0; channel < 4; channel++) {
          // The channel's byte to the top, so that the shift back brings its sign.
          const numbers = bytes.map((vector, v) => {
            const number = i32x4.shrS(i32x4.shl(vector, 24 - channel * 8), 24);
            return f32x4.mul(f32x4.convertI32(number), scales[v]!);
          });
          code.storePair(to, numbers, channel * 32);
        }
        code.advance(from, 32);
        code.advance(to, 128);
      });
    });
  },
);
