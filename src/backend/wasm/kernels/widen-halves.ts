import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32 } from "../builder/values.ts";
import { widenFloat16 } from "./float16.ts";

/**
 * Widens 16-bit numbers to float32, in the same order: a tile, or its keys.
 *
 *   source  f16 [count]
 *   target  f32 [count]
 *   count   a multiple of 4
 */
export const widenHalves: Kernel = defineKernel(
  "widenHalves",
  { source: "address", target: "address", count: "i32" },
  (code, { source, target, count }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    code.repeat(i32.shrU(count, i32.const(2)), () => {
      code.store(to, widenFloat16(code, code.load16x4U(from)));
      code.advance(from, 8);
      code.advance(to, 16);
    });
  },
);
