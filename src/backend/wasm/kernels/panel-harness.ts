import { blockInputs, panelRows, rowStride } from "../layout.ts";
import { type PanelType, panelBytes } from "../operations/panels.ts";

/** How activations become integers: the largest of a block is `largest`, of which `steps` integers are 1. */
export const quantisings = {
  shared: { largest: 123, steps: 64 },
  int14: { largest: 8191, steps: 1 },
  int15: { largest: 16383, steps: 1 },
} as const;

export type IntegerPanel = keyof typeof quantisings;

/**
 * Activations in integers, block by block: as `panelShared`, `panelInt14` and `panelInt15` are to do it, step by step in float32. A block that is so small
 * that the inverse of its scale overflows counts as zero.
 */
export function quantisedActivations(
  type: IntegerPanel,
  row: Float32Array,
): { readonly scales: Float32Array; readonly integers: Int32Array } {
  const { largest, steps } = quantisings[type];
  const scales = new Float32Array(row.length / blockInputs);
  const integers = new Int32Array(row.length);
  for (let block = 0; block < scales.length; block++) {
    const values = row.subarray(block * blockInputs, (block + 1) * blockInputs);
    const top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const quotient = Math.fround(largest / top);
    const inverse = quotient > Math.fround(3e38) ? 0 : quotient;
    scales[block] = top / (largest * steps);
    const scaled = values.map((value) => value * inverse);
    integers.set(type === "shared" ? pairedIntegers(scaled) : scaled.map(roundToEven), block * blockInputs);
  }
  return { scales, integers };
}

/** Points u · (1, 7) + v · (9, -1) for the numbers b and 4 + b of every eight, times 64. */
function pairedIntegers(scaled: Float32Array): Int32Array {
  const integers = new Int32Array(scaled.length);
  for (let i = 0; i < scaled.length; i++) {
    if (i % 8 >= 4) continue;
    const [first, second] = [scaled[i]!, scaled[i + 4]!];
    const u = roundToEven(Math.fround(first + Math.fround(9 * second)));
    const v = roundToEven(Math.fround(Math.fround(7 * first) - second));
    integers[i] = u + 9 * v;
    integers[i + 4] = 7 * u - v;
  }
  return integers;
}

function roundToEven(x: number): number {
  const above = Math.round(x);
  return above - x === 0.5 && above % 2 !== 0 ? above - 1 : above;
}

/** The panels of all tiles, one after the other. */
export function makePanels(type: PanelType, rows: readonly Float32Array[]): Uint8Array {
  const out = new Uint8Array(panelBytes(type, rows.length, rows[0]!.length));
  for (let first = 0; first < rows.length; first += panelRows)
    out.set(makePanel(type, rows.slice(first, first + panelRows)), panelBytes(type, first, rows[0]!.length));
  return out;
}

/** The panel of one tile, as `linear-q4.ts`, `linear-q4-fine.ts`, `linear-q8.ts` and `linear-float.ts` draw it; inputs past the rows' end are zero. */
export function makePanel(type: PanelType, rows: readonly Float32Array[]): Uint8Array {
  const columns = rows.map(padded);
  const length = columns[0]!.length;
  if (type === "f32") {
    const numbers = new Float32Array(length * rows.length);
    for (let i = 0; i < length; i++)
      for (const [row, values] of columns.entries()) numbers[i * rows.length + row] = values[i]!;
    return new Uint8Array(numbers.buffer);
  }
  const quantised = columns.map((row) => quantisedActivations(type, row));
  const blockBytes = panelBytes(type, rows.length, blockInputs);
  const bytes = new Uint8Array((length / blockInputs) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < length / blockInputs; block++) {
    let at = block * blockBytes;
    for (const { scales } of quantised) {
      view.setFloat32(at, scales[block]!, true);
      at += 4;
    }
    const integers = quantised.map((row) => row.integers.subarray(block * blockInputs, (block + 1) * blockInputs));
    const storePlane = (byteOf: (integer: number) => number) => {
      for (let step = 0; step < blockInputs / 4; step++)
        for (const row of integers)
          for (const integer of row.subarray(step * 4, step * 4 + 4)) view.setInt8(at++, byteOf(integer));
    };
    const storePairs = () => {
      const pairs = integers.map((row) => pairedBytes(row));
      for (const part of ["own", "shared"] as const)
        for (let step = 0; step < pairs[0]![part].length; step += 4)
          for (const pair of pairs) for (const byte of pair[part].slice(step, step + 4)) view.setInt8(at++, byte);
    };
    const storeSums = (first: number, end: number) => {
      for (const row of integers) {
        view.setInt32(at, -8 * row.subarray(first, end).reduce((sum, integer) => sum + integer, 0), true);
        at += 4;
      }
    };
    if (type !== "int14") storeSums(0, blockInputs);
    if (type === "int15") {
      storeSums(0, blockInputs / 2);
      storeSums(blockInputs / 2, blockInputs);
    }
    if (type === "shared") storePairs();
    else {
      const offset = type === "int14" ? 8192 : 0;
      storePlane((integer) => Math.floor((integer + offset) / 128));
      storePlane((integer) => (integer + offset) & 127);
    }
  }
  return bytes;
}

/** What integers in pairs are made of. @throws Error when they are no pairs of the lattice, or do not fit into bytes */
function pairedBytes(integers: Int32Array): { readonly own: readonly number[]; readonly shared: readonly number[] } {
  const own = new Array<number>(integers.length);
  const shared: number[] = [];
  for (let i = 0; i < integers.length; i++) {
    if (i % 8 >= 4) continue;
    const rest = integers[i]! & 63;
    const share = rest < 32 ? rest : rest - 64;
    shared.push(share);
    own[i] = (integers[i]! - share) / 64;
    own[i + 4] = (integers[i + 4]! - 7 * share) / 64;
    for (const byte of [own[i]!, own[i + 4]!])
      if (!Number.isInteger(byte) || byte < -128 || byte > 127) throw new Error(`${byte} is no byte`);
  }
  return { own, shared };
}

/** @returns the row, completed to whole blocks by zeros */
export function padded(row: Float32Array): Float32Array {
  const out = new Float32Array(rowStride(row.length));
  out.set(row);
  return out;
}
