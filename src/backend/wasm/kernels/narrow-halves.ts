import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i16x8, i32 } from "../builder/values.ts";
import { narrowFloat16 } from "./float16.ts";

/**
 * Rounds float32 numbers to 16 bits, in the same order: a tile, or its keys.
 *
 *   source  f32 [count]
 *   target  f16 [count]
 *   count   a multiple of 4
 */
export const narrowHalves: Kernel = defineKernel(
  "narrowHalves",
  { source: "address", target: "address", count: "i32" },
  (code, { source, target, count }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    code.repeat(i32.shrU(count, i32.const(2)), () => {
      const four = code.local("v128", narrowFloat16(code, code.load(from)));
      code.store64Lane(to, i16x8.narrowI32U(four, four), 0);
      code.advance(from, 16);
      code.advance(to, 8);
    });
  },
);
