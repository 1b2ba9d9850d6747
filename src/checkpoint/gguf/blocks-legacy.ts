import type { Dequantise } from "./block-types.ts";

/*
 * Blocks of 32 numbers with one scale, and in the `_1` types a minimum. Integers of 4 bits lie in 16 bytes: number i in the lower half of byte i, number
 * 16 + i in the upper one.
 *
 *   Q4_0   | scale f16 |             | 16 bytes |                  (integer - 8) · scale
 *   Q4_1   | scale f16 | minimum f16 | 16 bytes |                  integer · scale + minimum
 *   Q5_0   | scale f16 |             | fifth bits u32 | 16 bytes | (integer - 16) · scale
 *   Q5_1   | scale f16 | minimum f16 | fifth bits u32 | 16 bytes | integer · scale + minimum
 *   Q8_0   | scale f16 | 32 × i8 |                                 integer · scale
 */

/** Q4_0, or Q4_1, which has a minimum. */
export function dequantiseQ4(hasMinimum: boolean): Dequantise {
  const start = hasMinimum ? 4 : 2;
  return (block, out) => {
    const number = numbersOf(block, hasMinimum, 8);
    for (let i = 0; i < 16; i++) {
      const pair = block.getUint8(start + i);
      out[i] = number(pair & 15);
      out[16 + i] = number(pair >> 4);
    }
  };
}

/** Q5_0, or Q5_1, which has a minimum. */
export function dequantiseQ5(hasMinimum: boolean): Dequantise {
  const start = hasMinimum ? 4 : 2;
  return (block, out) => {
    const number = numbersOf(block, hasMinimum, 16);
    const fifths = block.getUint32(start, true);
    for (let i = 0; i < 16; i++) {
      const pair = block.getUint8(start + 4 + i);
      out[i] = number((pair & 15) | (((fifths >> i) & 1) << 4));
      out[16 + i] = number((pair >> 4) | (((fifths >> (16 + i)) & 1) << 4));
    }
  };
}

/** @param offset - of the integers, where there is no minimum */
function numbersOf(block: DataView, hasMinimum: boolean, offset: number): (integer: number) => number {
  const scale = block.getFloat16(0, true);
  if (!hasMinimum) return (integer) => (integer - offset) * scale;
  const minimum = block.getFloat16(2, true);
  return (integer) => integer * scale + minimum;
}

export function dequantiseQ8(block: DataView, out: Float32Array): void {
  const scale = block.getFloat16(0, true);
  for (let i = 0; i < 32; i++) out[i] = block.getInt8(2 + i) * scale;
}
