/*
 * Blocks of 256 numbers in 8 parts of 32 or 16 parts of 16, each with a small integer as its own scale (and minimum), which the block's scale multiplies.
 *
 *   Q2_K   | 16 × (scale: 4 bits, minimum: 4 bits) | 64 bytes: integers of 2 bits | scale f16 | minimum f16 |
 *   Q3_K   | 32 bytes: third bits | 64 bytes: lower 2 bits | 12 bytes: 16 scales of 6 bits, less 32 | scale f16 |
 *   Q4_K   | scale f16 | minimum f16 | 12 bytes: 8 scales and 8 minima of 6 bits | 128 bytes: integers of 4 bits |
 *   Q5_K   | scale f16 | minimum f16 | 12 bytes: the same | 32 bytes: fifth bits | 128 bytes: lower 4 bits |
 *   Q6_K   | 128 bytes: lower 4 bits | 64 bytes: upper 2 bits | 16 × i8 scales | scale f16 |
 */

/** Bytes of the super-blocks that are kept as they are. */
export const superBlockBytes = { q4_k: 144, q6_k: 210 } as const;

/** @returns the numbers of whole super-blocks */
export function widenSuperBlocks(type: keyof typeof superBlockBytes, bytes: Uint8Array): Float32Array {
  const count = bytes.length / superBlockBytes[type];
  const numbers = new Float32Array(count * 256);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const dequantise = type === "q4_k" ? dequantiseQ4K : dequantiseQ6K;
  for (let block = 0; block < count; block++) dequantise(view, block * superBlockBytes[type], numbers, block * 256);
  return numbers;
}

/** Two halves of 128 numbers, in each four runs of 32, which share 32 bytes: two bits for each run. */
export function dequantiseQ2K(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at + 80, true);
  const minimum = block.getFloat16(at + 82, true);
  for (let i = 0; i < 256; i++) {
    const [half, run, within] = [i >> 7, (i >> 5) & 3, i & 31];
    const own = block.getUint8(at + (i >> 4));
    const integer = (block.getUint8(at + 16 + 32 * half + within) >> (2 * run)) & 3;
    out[to + i] = scale * (own & 15) * integer - minimum * (own >> 4);
  }
}

/** As Q2_K; a number whose third bit is not set is 4 less. Byte `within` has the third bits of its 8 runs. */
export function dequantiseQ3K(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at + 108, true);
  for (let i = 0; i < 256; i++) {
    const [half, run, within] = [i >> 7, (i >> 5) & 3, i & 31];
    const lower = (block.getUint8(at + 32 + 32 * half + within) >> (2 * run)) & 3;
    const third = (block.getUint8(at + within) >> (4 * half + run)) & 1;
    out[to + i] = scale * (sixBits(block, at, i >> 4) - 32) * (lower - (third === 1 ? 0 : 4));
  }
}

/** A scale of Q3_K: its lower four bits are half a byte of the first eight, its upper two are in the last four. */
function sixBits(block: DataView, at: number, part: number): number {
  const lower = (block.getUint8(at + 96 + (part & 7)) >> (part < 8 ? 0 : 4)) & 15;
  const upper = (block.getUint8(at + 104 + (part & 3)) >> (2 * (part >> 2))) & 3;
  return lower | (upper << 4);
}

/** Four runs of 64, which have 32 bytes each: the first half of a run in the lower halves of the bytes. */
export function dequantiseQ4K(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at, true);
  const minimum = block.getFloat16(at + 2, true);
  for (let part = 0; part < 8; part++) {
    const own = scaleAndMinimum(block, at, part);
    const [d, m] = [scale * own.scale, minimum * own.minimum];
    const start = 16 + 32 * (part >> 1);
    for (let i = 0; i < 32; i++) {
      const pair = block.getUint8(at + start + i);
      out[to + 32 * part + i] = d * (part % 2 === 0 ? pair & 15 : pair >> 4) - m;
    }
  }
}

/** As Q4_K; bit `part` of byte i is the fifth bit. */
export function dequantiseQ5K(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at, true);
  const minimum = block.getFloat16(at + 2, true);
  for (let part = 0; part < 8; part++) {
    const own = scaleAndMinimum(block, at, part);
    const [d, m] = [scale * own.scale, minimum * own.minimum];
    const start = 48 + 32 * (part >> 1);
    for (let i = 0; i < 32; i++) {
      const pair = block.getUint8(at + start + i);
      const fifth = (block.getUint8(at + 16 + i) >> part) & 1;
      out[to + 32 * part + i] = d * ((part % 2 === 0 ? pair & 15 : pair >> 4) | (fifth << 4)) - m;
    }
  }
}

/** Of a part of Q4_K or Q5_K. The first four have six bits of a byte each; of the others two bits are the upper ones of those bytes. */
export function scaleAndMinimum(
  block: DataView,
  at: number,
  part: number,
): { readonly scale: number; readonly minimum: number } {
  const byte = (i: number): number => block.getUint8(at + 4 + i);
  if (part < 4) return { scale: byte(part) & 63, minimum: byte(part + 4) & 63 };
  return {
    scale: (byte(part + 4) & 15) | ((byte(part - 4) >> 6) << 4),
    minimum: (byte(part + 4) >> 4) | ((byte(part) >> 6) << 4),
  };
}

/** Two halves of 128 numbers, in each four runs of 32: the first two in the lower halves of 64 bytes, the others in the upper ones. */
export function dequantiseQ6K(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = block.getFloat16(at + 208, true);
  for (let i = 0; i < 256; i++) {
    const [half, run, within] = [i >> 7, (i >> 5) & 3, i & 31];
    const pair = block.getUint8(at + 64 * half + 32 * (run & 1) + within);
    const lower = run < 2 ? pair & 15 : pair >> 4;
    const upper = (block.getUint8(at + 128 + 32 * half + within) >> (2 * run)) & 3;
    out[to + i] = scale * block.getInt8(at + 192 + (i >> 4)) * ((lower | (upper << 4)) - 32);
  }
}
