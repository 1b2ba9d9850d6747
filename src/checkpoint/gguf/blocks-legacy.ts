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

/** The integers of Q4_0. */
export function integersOfQ4(block: DataView, at: number, out: Int8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = block.getUint8(at + 2 + i);
    out[to + i] = (pair & 15) - 8;
    out[to + 16 + i] = (pair >> 4) - 8;
  }
}

/** The integers of Q5_0. */
export function integersOfQ5(block: DataView, at: number, out: Int8Array, to: number): void {
  const fifths = block.getUint32(at + 2, true);
  for (let i = 0; i < 16; i++) {
    const pair = block.getUint8(at + 6 + i);
    out[to + i] = ((pair & 15) | (((fifths >> i) & 1) << 4)) - 16;
    out[to + 16 + i] = ((pair >> 4) | (((fifths >> (16 + i)) & 1) << 4)) - 16;
  }
}

/** The integers of Q8_0. */
export function integersOfQ8(block: DataView, at: number, out: Int8Array, to: number): void {
  for (let i = 0; i < 32; i++) out[to + i] = block.getInt8(at + 2 + i);
}

/** Q4_1 */
export function dequantiseQ4WithMinimum(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at, true);
  const minimum = block.getFloat16(at + 2, true);
  for (let i = 0; i < 16; i++) {
    const pair = block.getUint8(at + 4 + i);
    out[to + i] = (pair & 15) * scale + minimum;
    out[to + 16 + i] = (pair >> 4) * scale + minimum;
  }
}

/** Q5_1 */
export function dequantiseQ5WithMinimum(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at, true);
  const minimum = block.getFloat16(at + 2, true);
  const fifths = block.getUint32(at + 4, true);
  for (let i = 0; i < 16; i++) {
    const pair = block.getUint8(at + 8 + i);
    out[to + i] = ((pair & 15) | (((fifths >> i) & 1) << 4)) * scale + minimum;
    out[to + 16 + i] = ((pair >> 4) | (((fifths >> (16 + i)) & 1) << 4)) * scale + minimum;
  }
}
