import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32, i32x4 } from "../builder/values.ts";
import { quantiseLanes } from "./quantise-lanes.ts";
import { groupHeaderBytes, groupsPerTile, keysPerGroup, queryOffset } from "./tile-layout.ts";

/**
 * The keys of an f32 tile as those of a q8 tile; each key has a scale.
 *
 *   source  f32 [16 groups][width][8 keys]
 *   target  16 × { 8 f32 scales | 8 i32 corrections | bytes [width / 4][8 keys][4 channels] }
 */
export const quantiseKeys: Kernel = defineKernel(
  "quantiseKeys",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    code.repeat(i32.const(groupsPerTile), () => {
      const { scales, sums } = quantiseLanes(code, from, code.offset(to, groupHeaderBytes), width);
      code.storePair(to, scales);
      const offset = code.constant(i32x4.const(-queryOffset));
      const corrections = sums.map((sum) => i32x4.mul(sum, offset));
      code.storePair(to, corrections, groupHeaderBytes / 2);
      code.advance(from, i32.mul(width, i32.const(keysPerGroup * 4)));
      code.advance(to, i32.add(i32.mul(width, i32.const(keysPerGroup)), i32.const(groupHeaderBytes)));
    });
  },
);
