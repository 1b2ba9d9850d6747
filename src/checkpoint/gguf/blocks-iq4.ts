/*
 * Four bits name one of 16 integers, which lie closer together where weights are.
 *
 *   IQ4_NL   | scale f16 | 16 bytes |                                              32 numbers
 *   IQ4_XS   | scale f16 | upper bits u16 | lower bits 4 bytes | 8 × 16 bytes |    256 numbers
 *
 * In 16 bytes number i is in the lower half of byte i, number 16 + i in the upper one. In IQ4_XS each 32 numbers have a scale of 6 bits, less 32: part p's
 * lower four are half a byte, its upper two the bits 2 p of the upper bits.
 */
const values = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

/** The integers of IQ4_NL. */
export function integersOfIq4Nl(block: DataView, at: number, out: Int8Array, to: number): void {
  lookUp(block, at + 2, 1, out, to);
}

export function dequantiseIq4Xs(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at, true);
  const upper = block.getUint16(at + 2, true);
  for (let part = 0; part < 8; part++) {
    const lower = (block.getUint8(at + 4 + (part >> 1)) >> (4 * (part % 2))) & 15;
    const own = (lower | (((upper >> (2 * part)) & 3) << 4)) - 32;
    lookUp(block, at + 8 + 16 * part, scale * own, out, to + 32 * part);
  }
}

function lookUp(block: DataView, start: number, scale: number, out: Float32Array | Int8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = block.getUint8(start + i);
    out[to + i] = values[pair & 15]! * scale;
    out[to + 16 + i] = values[pair >> 4]! * scale;
  }
}
