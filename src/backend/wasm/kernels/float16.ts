import type { Code } from "../builder/code.ts";
import { f32x4, i32x4, type Value, v128 } from "../builder/values.ts";

/** Loads four numbers as float32. */
export type Load = (address: Value<"address">, offset: number) => Value<"v128">;

/**
 * Loads finite float16 numbers and widens them, exactly, subnormal ones too: their bits are moved into a float32's places, which makes a number that is 2^112
 * times too small.
 *
 * To be called before the loop that loads: V8 builds a constant anew wherever it stands, so these go into locals.
 */
export function float16Loader(code: Code): Load {
  const mask = code.local("v128", i32x4.const(0x8fffe000 | 0));
  const factor = code.local("v128", f32x4.const(2 ** 112));
  return (address, offset) => f32x4.mul(v128.and(i32x4.shl(code.load16x4(address, offset), 13), mask), factor);
}

/** Loads bfloat16 numbers: the upper halves of float32 ones. */
export function bfloat16Loader(code: Code): Load {
  return (address, offset) => i32x4.shl(code.load16x4(address, offset), 16);
}

/** Loads float32 numbers. */
export function float32Loader(code: Code): Load {
  return (address, offset) => code.load(address, offset);
}
