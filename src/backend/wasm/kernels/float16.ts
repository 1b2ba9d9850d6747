import type { Code } from "../builder/code.ts";
import { f32x4, i32x4, type Value, v128 } from "../builder/values.ts";

/*
 * Weights and cached numbers as float32, from float16 (IEEE 754 binary16), bfloat16 and float32. Weights are finite, which makes reading them cheaper; what
 * is in a cache may be infinite.
 */

/** Loads four numbers as float32. */
export type Load = (code: Code, address: Value<"address">, offset: number) => Value<"v128">;

/**
 * Loads finite float16 numbers and widens them, exactly, subnormal ones too: their bits are moved into a float32's places, which makes a number that is 2^112
 * times too small.
 */
export function loadFloat16(code: Code, address: Value<"address">, offset: number): Value<"v128"> {
  const mask = code.constant(i32x4.const(0x8fffe000 | 0));
  const factor = code.constant(f32x4.const(2 ** 112));
  return f32x4.mul(v128.and(i32x4.shl(code.load16x4(address, offset), 13), mask), factor);
}

/** Loads bfloat16 numbers: the upper halves of float32 ones. */
export function loadBfloat16(code: Code, address: Value<"address">, offset: number): Value<"v128"> {
  return i32x4.shl(code.load16x4(address, offset), 16);
}

/** Loads float32 numbers. */
export function loadFloat32(code: Code, address: Value<"address">, offset: number): Value<"v128"> {
  return code.load(address, offset);
}

const infinity = 0x7f800000;

/** Widens float16 numbers, one in each 32-bit lane: exact for all, subnormal numbers, infinities and NaN included. */
export function widenFloat16(code: Code, numbers: Value<"v128">): Value<"v128"> {
  const constant = (x: number) => code.constant(i32x4.const(x));
  const half = code.local("v128", numbers);
  const magnitude = code.local("v128", i32x4.shl(v128.and(half, constant(0x7fff)), 13));
  // The exponents' biases differ by 112; a multiplication makes subnormal numbers right too.
  const number = f32x4.mul(magnitude, code.constant(f32x4.const(2 ** 112)));
  const sign = v128.and(i32x4.shl(half, 16), constant(0x80000000 | 0));
  const special = v128.and(i32x4.gtS(magnitude, constant((0x7c00 << 13) - 1)), constant(infinity));
  return v128.or(v128.or(number, special), sign);
}

/** Narrows float32 to float16, one in each lane: rounded to the nearest, ties to even; what is too large becomes infinite. */
export function narrowFloat16(code: Code, numbers: Value<"v128">): Value<"v128"> {
  const constant = (x: number) => code.constant(i32x4.const(x));
  const magnitudeMask = constant(0x7fffffff);
  const signMask = constant(0x8000);
  const one = constant(1);
  const rebase = constant((112 << 23) - 0xfff);
  const half = code.constant(f32x4.const(0.5));
  const halfBits = constant(126 << 23);
  const smallestNormal = constant(113 << 23);
  const belowTwoTo16 = constant((143 << 23) - 1);
  const infinite = constant(infinity);
  const infiniteHalf = constant(0x7c00);
  const quietBit = constant(0x200);
  const number = code.local("v128", numbers);
  const magnitude = code.local("v128", v128.and(number, magnitudeMask));
  const sign = v128.and(i32x4.shrU(number, 16), signMask);

  // Adding half of what is cut off, less one unless the number is odd, rounds; a carry goes into the exponent, as it should.
  const odd = v128.and(i32x4.shrU(magnitude, 13), one);
  const normal = i32x4.shrU(i32x4.add(i32x4.sub(magnitude, rebase), odd), 13);
  // 0.5 has such an exponent that an addition rounds to whole multiples of the smallest half, 2^-24.
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), halfBits);
  const finite = v128.bitselect(subnormal, normal, i32x4.gtS(smallestNormal, magnitude));

  const special = v128.or(infiniteHalf, v128.and(i32x4.gtS(magnitude, infinite), quietBit));
  return v128.or(v128.bitselect(special, finite, i32x4.gtS(magnitude, belowTwoTo16)), sign);
}
