import { superBlockBytes } from "../../../checkpoint/gguf/blocks-k.ts";
import type { SuperBlockType } from "../../backend.ts";

/** Numbers of a super-block. */
export const superBlockNumbers = 256;

/** A row in super-blocks: its bytes as ggml lays them out, and what they stand for. */
export interface SuperBlockRow {
  readonly bytes: Uint8Array;
  /** Numbers that share a scale: 32 in q4_k, 16 in q6_k. */
  readonly run: number;
  /** [length / run], exact products. */
  readonly scales: readonly number[];
  /** [length / run]; a number is scale · integer - minimum. */
  readonly minima: readonly number[];
  readonly integers: Int8Array;
}

/** Quantises a row to super-blocks, plainly: good enough for tests, not what ggml's search for scales would find. */
export function quantiseSuperBlocks(type: SuperBlockType, row: Float32Array): SuperBlockRow {
  const run = { q4_k: 32, q6_k: 16 }[type];
  const bytes = new Uint8Array((row.length / superBlockNumbers) * superBlockBytes[type]);
  const scales: number[] = [];
  const minima: number[] = [];
  const integers = new Int8Array(row.length);
  for (let start = 0; start < row.length; start += superBlockNumbers) {
    const block = (type === "q4_k" ? quantiseQ4K : quantiseQ6K)(row.subarray(start, start + superBlockNumbers));
    bytes.set(block.bytes, (start / superBlockNumbers) * superBlockBytes[type]);
    scales.push(...block.scales);
    minima.push(...block.minima);
    integers.set(block.integers, start);
  }
  return { bytes, run, scales, minima, integers };
}

/** @see ggml `ggml-quants.c`: dequantize_row_q4_K, get_scale_min_k4 */
function quantiseQ4K(numbers: Float32Array): Omit<SuperBlockRow, "run"> {
  const parts = Array.from({ length: 8 }, (_, part) => {
    const own = numbers.subarray(part * 32, part * 32 + 32);
    const least = Math.min(0, ...own);
    return { own, minimum: -least, scale: (Math.max(0, ...own) - least) / 15 };
  });
  const scale = half(Math.max(...parts.map((part) => part.scale)) / 63);
  const minimum = half(Math.max(...parts.map((part) => part.minimum)) / 63);
  const ownScales = parts.map((part) => steps(part.scale, scale, 0, 63));
  const ownMinima = parts.map((part) => steps(part.minimum, minimum, 0, 63));
  const [scales, minima] = [ownScales.map((own) => scale * own), ownMinima.map((own) => minimum * own)];
  const integers = Int8Array.from(numbers, (number, i) => steps(number + minima[i >> 5]!, scales[i >> 5]!, 0, 15));
  const view = new DataView(new ArrayBuffer(144));
  view.setFloat16(0, scale, true);
  view.setFloat16(2, minimum, true);
  for (let part = 0; part < 4; part++) {
    view.setUint8(4 + part, ownScales[part]! | ((ownScales[part + 4]! >> 4) << 6));
    view.setUint8(8 + part, ownMinima[part]! | ((ownMinima[part + 4]! >> 4) << 6));
    view.setUint8(12 + part, (ownScales[part + 4]! & 15) | ((ownMinima[part + 4]! & 15) << 4));
  }
  for (let i = 0; i < 128; i++) {
    const first = (i >> 5) * 64 + (i & 31);
    view.setUint8(16 + i, integers[first]! | (integers[first + 32]! << 4));
  }
  return { bytes: new Uint8Array(view.buffer), scales, minima, integers };
}

/** @see ggml `ggml-quants.c`: dequantize_row_q6_K */
function quantiseQ6K(numbers: Float32Array): Omit<SuperBlockRow, "run"> {
  const wanted = Array.from({ length: 16 }, (_, part) => {
    const own = numbers.subarray(part * 16, part * 16 + 16);
    return own.reduce((most, number) => (Math.abs(number) > Math.abs(most) ? number : most), 0) / -32;
  });
  const scale = half(Math.max(...wanted.map(Math.abs)) / 127);
  const ownScales = wanted.map((own) => steps(own, scale, -128, 127));
  const scales = ownScales.map((own) => scale * own);
  const integers = Int8Array.from(numbers, (number, i) => steps(number, scales[i >> 4]!, -32, 31));
  const view = new DataView(new ArrayBuffer(210));
  for (let i = 0; i < 256; i++) {
    const [chunk, quarter, place] = [i >> 7, (i >> 5) & 3, i & 31];
    const six = integers[i]! + 32;
    const low = 64 * chunk + 32 * (quarter & 1) + place;
    view.setUint8(low, view.getUint8(low) | ((six & 15) << (quarter < 2 ? 0 : 4)));
    const high = 128 + 32 * chunk + place;
    view.setUint8(high, view.getUint8(high) | ((six >> 4) << (2 * quarter)));
  }
  for (const [part, own] of ownScales.entries()) view.setInt8(192 + part, own);
  view.setFloat16(208, scale, true);
  return { bytes: new Uint8Array(view.buffer), scales, minima: scales.map(() => 0), integers };
}

function half(number: number): number {
  return new Float16Array([number])[0]!;
}

/** @returns the whole number of steps that is nearest */
function steps(number: number, step: number, least: number, most: number): number {
  return step === 0 ? Math.max(0, least) : Math.max(least, Math.min(most, Math.round(number / step)));
}
