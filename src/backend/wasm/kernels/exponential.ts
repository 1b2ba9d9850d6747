import type { Code } from "../builder/code.ts";
import { f32x4, i8x16, i16x8, i32x4, type Value, v128 } from "../builder/values.ts";

/** 2^x on [-0.5, 0.5], with the least relative error for the first one being exact: 2e-9. */
const coefficients = [
  1, 0.6931472057372674, 0.24022646890634108, 0.055503287769656275, 0.009618488957127845, 0.0013399931219152698,
  0.00015345811998259627,
] as const;

/** Added to a small number and taken away again, this rounds it to an integer, which the sum has in its low bits. */
const roundingConstant = 1.5 * 2 ** 23;

/** 2^x for x up to 0, to float32's precision: exactly 1 for 0, and exactly 0 from -126 on downwards; NaN stays NaN. */
export function powerOfTwo(code: Code, x: Value<"v128">): Value<"v128"> {
  const constants = coefficients.map((c) => code.constant(f32x4.const(c)));
  const lowest = code.constant(f32x4.const(-126));
  const rounding = code.constant(f32x4.const(roundingConstant));
  const clamped = code.local("v128", f32x4.pmax(x, lowest));
  const rounded = code.local("v128", f32x4.add(clamped, rounding));
  const fraction = code.local("v128", f32x4.sub(clamped, f32x4.sub(rounded, rounding)));
  const power = constants
    .slice(0, -1)
    .reduceRight<Value<"v128">>((sum, c) => code.multiplyAdd(sum, fraction, c), constants.at(-1)!);
  const scaled = i32x4.add(power, i32x4.shl(rounded, 23));
  return v128.andnot(scaled, f32x4.eq(clamped, lowest));
}

/** 2^-x on [0, 1), with the least relative error: 0.0017. */
const shortCoefficients = [0.9982752367939133, -0.6660075725328256, 0.16859471734195566] as const;

/** The largest weight of {@link byteWeights}. */
export const largestWeight = 127;

/** Fractional bits of the exponents that {@link byteWeights} takes. */
export const exponentBits = 12;

/**
 * Where exponents of {@link byteWeights} begin: 1 would do, but rounding may put the largest, if it is very large, a little below. There weights
 * go on, but end at 127.
 */
export const exponentOffset = 2;

/** 128 / 2^whole by `exponentOffset + whole`. The high byte of a 16-bit lane looks up entry 0, which must be 0. */
const powerTable = [0, 255, 128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0];

/**
 * Sixteen weights 127 · 2^(exponentOffset - x), rounded. x comes as two vectors of 16-bit numbers, with 12 fractional bits and no sign; the
 * largest, which saturation gives, has weight 0.
 */
export function byteWeights(code: Code, low: Value<"v128">, high: Value<"v128">): Value<"v128"> {
  const powers = code.constant(i8x16.const(powerTable));
  const signs = code.constant(i16x8.const(-0x8000));
  // In 2 · fraction - 1, which is what a signed 16-bit number can hold.
  const [a, b, c] = shortCoefficients;
  const [c0, c1, c2] = [a + b / 2 + c / 4, b / 2 + c / 2, c / 4].map((coefficient) =>
    code.constant(i16x8.const(Math.round(coefficient * largestWeight * 256))),
  );
  const eight = (steps: Value<"v128">) => {
    const x = code.local("v128", steps);
    const power = code.local("v128", code.lookUp(powers, i16x8.shrU(x, exponentBits)));
    const fraction = code.local("v128", v128.xor(i16x8.shl(x, 16 - exponentBits), signs));
    const linear = i16x8.add(code.multiplyQ15(fraction, c2!), c1!);
    const quadratic = i16x8.add(code.multiplyQ15(linear, fraction), c0!);
    return code.local("v128", code.multiplyQ15(quadratic, power));
  };
  return i8x16.narrowI16(eight(low), eight(high));
}
