import { expect, test } from "vitest";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mergeStates } from "./merge-states.ts";
import { mostRows, stateRecord, stateRecordBytes } from "./row-records.ts";

const width = 48;
const counts = [6, 5];

for (const { name, kernels, put, get, clear } of await kernelHarnesses([mergeStates])) {
  test.for([
    ["far apart", [0, -500, 300, -1e30, 7, 1e5]],
    ["near", [0, 1, -1, 0.5, -20, 3]],
  ] as const)(`${name}: states whose maxima are %s are joined`, ([, shifts]) => {
    clear();
    const first = states(1, () => 0);
    const second = states(2, (row) => shifts[row]!);
    const address = put(first);
    kernels.mergeStates!(address, put(second), counts.length, width);
    const got = get(Float32Array, address, first.length);
    counts.forEach((rows, record) => {
      const at = (record * stateRecordBytes(width)) / 4;
      for (let row = 0; row < rows; row++) {
        const maximum = at + stateRecord.maxima / 4 + row;
        const largest = Math.max(first[maximum]!, second[maximum]!);
        const [keep, part] = [2 ** (first[maximum]! - largest), 2 ** (second[maximum]! - largest)];
        expect(got[maximum]).toBe(largest);
        const numbers = [at + stateRecord.sums / 4 + row];
        for (let i = 0; i < width; i++) {
          numbers.push(at + stateRecord.values / 4 + (Math.floor(i / 8) * rows + row) * 8 + (i % 8));
        }
        for (const i of numbers) {
          const [a, b] = [first[i]! * keep, second[i]! * part];
          expect(Math.abs(got[i]! - (a + b))).toBeLessThanOrEqual((Math.abs(a) + Math.abs(b)) * 4e-7);
        }
      }
    });
  });

  test(`${name}: a state that has seen nothing changes no bit`, () => {
    clear();
    const first = states(1, () => 0);
    const nothing = states(2, () => -1e30).map((x, i) => (i % (stateRecordBytes(width) / 4) < mostRows ? x : 0));
    const address = put(first);
    kernels.mergeStates!(address, put(nothing), counts.length, width);
    const bits = new Int32Array(first.buffer);
    expect(get(Int32Array, address, first.length)).toEqual(bits);
  });
}

function states(seed: number, maximum: (row: number) => number): Float32Array {
  const out = inputs("normal", (counts.length * stateRecordBytes(width)) / 4, seed);
  counts.forEach((rows, record) => {
    const at = (record * stateRecordBytes(width)) / 4;
    for (let row = 0; row < mostRows; row++) out[at + stateRecord.maxima / 4 + row] = maximum(row);
    new Int32Array(out.buffer)[at + stateRecord.rows / 4] = rows;
  });
  return out;
}
