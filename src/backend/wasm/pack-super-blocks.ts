import { scaleAndMinimum, superBlockBytes } from "../../checkpoint/gguf/blocks-k.ts";
import type { MatrixType, SuperBlockType } from "../backend.ts";
import { q4KHeaderBytes, q4KSuperBlockBytes } from "./kernels/linear-q4-k.ts";
import { q6KBlockBytes, q6KSuperBlockBytes } from "./kernels/linear-q6-k.ts";
import { blocksInSuperBlock, groupOutputs } from "./layout.ts";

export function isSuperBlockType(type: MatrixType): type is SuperBlockType {
  return type in superBlockBytes;
}

/** Bytes of a super-block of 16 outputs, packed: drawn in the kernels `linear-q4-k.ts` and `linear-q6-k.ts`. */
export const packedSuperBlockBytes: Readonly<Record<SuperBlockType, number>> = {
  q4_k: q4KSuperBlockBytes,
  q6_k: q6KSuperBlockBytes,
};

/**
 * Packs a group of 16 rows of super-blocks: the same bits in another order.
 *
 * @param given - [16][count] super-blocks as ggml has them, completed by zeros
 * @param target - receives [count] packed super-blocks; must begin at an address that 4 divides
 * @returns false where a scale is not finite
 */
export function packSuperBlocks(type: SuperBlockType, given: Uint8Array, count: number, target: Uint8Array): boolean {
  const pack = type === "q4_k" ? packQ4K : packQ6K;
  const bytes = superBlockBytes[type];
  const block = new Uint8Array(block32.buffer, 0, bytes);
  for (let output = 0; output < groupOutputs; output++) {
    for (let index = 0; index < count; index++) {
      const start = (output * count + index) * bytes;
      block.set(given.subarray(start, start + bytes));
      const packed = target.subarray(index * packedSuperBlockBytes[type], (index + 1) * packedSuperBlockBytes[type]);
      if (!pack(packed, output)) return false;
    }
  }
  return true;
}

/** The super-block that is being packed: files have them at any address. */
const block32 = new Uint32Array(53);
const blockView = new DataView(block32.buffer);

/** Numbers of 32 bits in 32 inputs of a byte each, or in as many pairs. */
const words = 8;
/** The lower half of each byte. */
const lowHalves = 0x0f0f0f0f;

function packQ4K(target: Uint8Array, output: number): boolean {
  const to = new DataView(target.buffer, target.byteOffset, target.length);
  for (const [from, at] of [
    [0, output * 2],
    [2, (groupOutputs + output) * 2],
  ] as const) {
    const scale = blockView.getUint16(from, true);
    if (!isFinite16(scale)) return false;
    to.setUint16(at, scale, true);
  }
  for (let part = 0; part < blocksInSuperBlock; part++) {
    const { scale, minimum } = scaleAndMinimum(blockView, 0, part);
    const start = q4KHeaderBytes + part * q4PartBytes;
    to.setUint16(start + output * 2, scale | (minimum << 8), true);
    const from = 4 + (part >> 1) * words;
    const shift = 4 * (part % 2);
    const four = (word: number): number => (block32[from + word]! >>> shift) & lowHalves;
    packFourBits(to, start + partHeaderBytes, output, four);
  }
  return true;
}

function packQ6K(target: Uint8Array, output: number): boolean {
  const to = new DataView(target.buffer, target.byteOffset, target.length);
  const scale = blockView.getUint16(208, true);
  if (!isFinite16(scale)) return false;
  to.setUint16(output * 2, scale, true);
  for (let part = 0; part < blocksInSuperBlock; part++) {
    const start = partHeaderBytes + part * q6KBlockBytes;
    to.setUint16(start + output * 2, blockView.getUint16(192 + part * 2, true), true);
    const [half, run] = [part >> 2, part & 3];
    const lower = half * 16 + (run & 1) * words;
    const four = (word: number): number => (block32[lower + word]! >>> (run < 2 ? 0 : 4)) & lowHalves;
    packFourBits(to, start + partHeaderBytes, output, four);
    for (let sixteen = 0; sixteen < 2; sixteen++) {
      let bits = 0;
      for (let step = 0; step < 4; step++) {
        const two = (block32[32 + half * words + sixteen * 4 + step]! >>> (2 * run)) & 0x03030303;
        bits |= two << (2 * step);
      }
      to.setUint32(start + partHeaderBytes + fourBitsBytes + (sixteen * groupOutputs + output) * 4, bits, true);
    }
  }
  return true;
}

/** Two bytes for each output. */
const partHeaderBytes = 32;
const fourBitsBytes = 256;
const q4PartBytes = partHeaderBytes + fourBitsBytes;

/** Puts the lower four bits of 32 inputs of an output where `linear-q4.ts` draws them. @param four - four inputs of them, a byte each */
function packFourBits(to: DataView, start: number, output: number, four: (word: number) => number): void {
  for (let chunk = 0; chunk < 4; chunk++)
    to.setUint32(start + chunk * 64 + output * 4, four(chunk * 2) | (four(chunk * 2 + 1) << 4), true);
}

function isFinite16(bits: number): boolean {
  return (bits & 0x7c00) !== 0x7c00;
}
