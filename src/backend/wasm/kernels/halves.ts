import type { Code } from "../builder/code.ts";
import { f32x4, i32x4, type Value, v128 } from "../builder/values.ts";

const infinity = 0x7f800000;

/** Numbers of 16 bits (IEEE 754 binary16), one in each 32-bit lane, as float32: exact. */
export function widenHalves(code: Code, halves: Value<"v128">): Value<"v128"> {
  const half = code.local("v128", halves);
  const magnitude = code.local("v128", i32x4.shl(v128.and(half, i32x4.const(0x7fff)), 13));
  const sign = i32x4.shl(v128.and(half, i32x4.const(0x8000)), 16);
  // The exponents' biases differ by 112; a multiplication makes subnormal numbers right too.
  const number = f32x4.mul(magnitude, f32x4.const(2 ** 112));
  const special = v128.and(i32x4.gtS(magnitude, i32x4.const((0x7c00 << 13) - 1)), i32x4.const(infinity));
  return v128.or(v128.or(number, special), sign);
}

/** float32 as numbers of 16 bits, one in each 32-bit lane: rounded to the nearest, ties to even; what is too large becomes infinite. */
export function narrowToHalves(code: Code, numbers: Value<"v128">): Value<"v128"> {
  const number = code.local("v128", numbers);
  const magnitude = code.local("v128", v128.and(number, i32x4.const(0x7fffffff)));
  const sign = v128.and(i32x4.shrU(number, 16), i32x4.const(0x8000));

  // Adding half of what is cut off, less one unless the number is odd already, rounds; a carry goes into the exponent, as it should.
  const odd = v128.and(i32x4.shrU(magnitude, 13), i32x4.const(1));
  const rebased = i32x4.sub(magnitude, i32x4.const((112 << 23) - 0xfff));
  const normal = i32x4.shrU(i32x4.add(rebased, odd), 13);

  // 0.5 has such an exponent that an addition rounds to whole subnormals of 2^-24.
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.const(0.5)), i32x4.const(126 << 23));
  const isSmall = i32x4.gtS(i32x4.const(113 << 23), magnitude);
  const finite = v128.bitselect(subnormal, normal, isSmall);

  const isNaN = i32x4.gtS(magnitude, i32x4.const(infinity));
  const special = v128.or(i32x4.const(0x7c00), v128.and(isNaN, i32x4.const(0x200)));
  const isLarge = i32x4.gtS(magnitude, i32x4.const((143 << 23) - 1));
  return v128.or(v128.bitselect(special, finite, isLarge), sign);
}
