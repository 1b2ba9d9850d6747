import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32, i32x4 } from "../builder/values.ts";
import { quantiseLanes } from "./quantise-lanes.ts";
import { groupHeaderBytes, groupsPerTile, queryOffset } from "./tile-layout.ts";

/**
 * The keys of an f32 tile as those of a q8 tile; each key has a scale.
 *
 *   source  f32 [32 groups][width][4 keys]
 *   target  32 × { 4 f32 scales | 4 i32 corrections | bytes [width / 4][4 keys][4 channels] }
 */
export const quantiseKeys: Kernel = defineKernel(
  "quantiseKeys",
  { source: "address", target: "address", width: "i32" },
  (code, { source, target, width }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    code.repeat(i32.const(groupsPerTile), () => {
      const { scales, sums } = quantiseLanes(code, from, code.offset(to, groupHeaderBytes), width);
      code.store(to, scales);
      code.store(to, i32x4.mul(sums, code.constant(i32x4.const(-queryOffset))), 16);
      code.advance(from, i32.shl(width, i32.const(4)));
      code.advance(to, i32.add(i32.shl(width, i32.const(2)), i32.const(groupHeaderBytes)));
    });
  },
);
