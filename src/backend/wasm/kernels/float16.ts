import type { Code } from "../builder/code.ts";
import { f32x4, i32x4, type Value, v128 } from "../builder/values.ts";

/**
 * Widens finite float16 numbers, exactly, subnormal ones too: their bits are moved into a float32's places, which makes a number that
 * is 2^112 times too small.
 *
 * @param halves - four numbers, sign-extended to 32 bits
 */
export function widenFloat16(halves: Value<"v128">): Value<"v128"> {
  const moved = v128.and(i32x4.shl(halves, 13), i32x4.const(0x8fffe000 | 0));
  return f32x4.mul(moved, f32x4.const(2 ** 112));
}

/** Loads four finite float16 numbers. */
export function loadFloat16(code: Code, address: Value<"address">, offset: number): Value<"v128"> {
  return widenFloat16(code.load16x4(address, offset));
}

/** Loads four bfloat16 numbers: the upper halves of float32 ones. */
export function loadBfloat16(code: Code, address: Value<"address">, offset: number): Value<"v128"> {
  return i32x4.shl(code.load16x4(address, offset), 16);
}
