/** Bit patterns of the float32 that equals each float16; made on first use (256 KiB). */
let float16Bits: Uint32Array | undefined;

/**
 * Widens float16 to float32, exactly: subnormals, infinities and signed zeros included.
 *
 * @param halves - bit patterns
 * @param target - bit patterns of the result, as many
 */
export function widenFloat16(halves: Uint16Array, target: Uint32Array): void {
  float16Bits ??= Uint32Array.from({ length: 2 ** 16 }, (_, half) => float32BitsOf(half));
  for (let index = 0; index < halves.length; index += 1) target[index] = float16Bits[halves[index]!]!;
}

/**
 * Widens bfloat16 to float32, exactly: it is the float32's upper half.
 *
 * @param halves - bit patterns
 * @param target - bit patterns of the result, as many
 */
export function widenBfloat16(halves: Uint16Array, target: Uint32Array): void {
  for (let index = 0; index < halves.length; index += 1) target[index] = halves[index]! << 16;
}

/** IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits) to binary32 (1, 8, 23). */
function float32BitsOf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13); // infinity, NaN
  if (exponent !== 0) return sign | ((exponent + 127 - 15) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal, fraction · 2^-24, is normal in float32: its highest bit becomes the implied one.
  const highest = 31 - Math.clz32(fraction);
  return sign | ((highest + 127 - 24) << 23) | ((fraction << (23 - highest)) & 0x7fffff);
}
