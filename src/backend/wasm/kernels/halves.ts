import type { Code } from "../builder/code.ts";
import { f32x4, i32x4, type Value, v128 } from "../builder/values.ts";

/*
 * Between float32 and halves, numbers of 16 bits (IEEE 754 binary16), one in each 32-bit lane. Both functions put their constants into locals
 * where they are called, and return what computes in a loop that begins after there.
 */

const infinity = 0x7f800000;

/** @returns what widens halves: exact for all, subnormal numbers, infinities and NaN included */
export function halvesWidener(code: Code): (halves: Value<"v128">) => Value<"v128"> {
  const magnitudeMask = code.local("v128", i32x4.const(0x7fff));
  const signMask = code.local("v128", i32x4.const(0x80000000 | 0));
  const rebase = code.local("v128", f32x4.const(2 ** 112));
  const finite = code.local("v128", i32x4.const((0x7c00 << 13) - 1));
  const special = code.local("v128", i32x4.const(infinity));
  return (halves) => {
    const half = code.local("v128", halves);
    const magnitude = code.local("v128", i32x4.shl(v128.and(half, magnitudeMask), 13));
    // The exponents' biases differ by 112; a multiplication makes subnormal numbers right too.
    const number = f32x4.mul(magnitude, rebase);
    const sign = v128.and(i32x4.shl(half, 16), signMask);
    return v128.or(v128.or(number, v128.and(i32x4.gtS(magnitude, finite), special)), sign);
  };
}

/** @returns what narrows float32 to halves: rounded to the nearest, ties to even; what is too large becomes infinite */
export function halvesNarrower(code: Code): (numbers: Value<"v128">) => Value<"v128"> {
  const constant = (x: number) => code.local("v128", i32x4.const(x));
  const magnitudeMask = constant(0x7fffffff);
  const signMask = constant(0x8000);
  const one = constant(1);
  const rebase = constant((112 << 23) - 0xfff);
  const half = code.local("v128", f32x4.const(0.5));
  const halfBits = constant(126 << 23);
  const smallestNormal = constant(113 << 23);
  const largestFinite = constant((143 << 23) - 1);
  const infinite = constant(infinity);
  const infiniteHalf = constant(0x7c00);
  const quietBit = constant(0x200);
  return (numbers) => {
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
    return v128.or(v128.bitselect(special, finite, i32x4.gtS(magnitude, largestFinite)), sign);
  };
}
