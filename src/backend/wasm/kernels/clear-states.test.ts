import { expect, test } from "vitest";
import { clearStates } from "./clear-states.ts";
import { kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, queryRecord, queryRecordBytes, stateRecord, stateRecordBytes } from "./row-records.ts";

for (const { name, kernels, put, room, get } of await kernelHarnesses([clearStates])) {
  test(`${name}: states begin with nothing seen`, () => {
    const width = 48;
    const counts = [6, 6, 3];
    const queries = new Int32Array((counts.length * queryRecordBytes(width)) / 4);
    counts.forEach((rows, i) => {
      queries[(i * queryRecordBytes(width) + queryRecord.rows) / 4] = rows;
    });
    const bytes = stateRecordBytes(width);
    const states = room(counts.length * bytes + 4);
    kernels.clearStates!(put(queries), states, counts.length, width);
    counts.forEach((rows, i) => {
      const state = states + i * bytes;
      expect(get(Int32Array, state + stateRecord.rows, 1)[0]).toBe(rows);
      expect(Math.max(...get(Float32Array, state + stateRecord.maxima, mostRows))).toBeLessThan(-1e29);
      expect(get(Float32Array, state + stateRecord.sums, mostRows).every((x) => x === 0)).toBe(true);
      expect(get(Float32Array, state + stateRecord.values, mostRows * width).every((x) => x === 0)).toBe(true);
    });
    expect(get(Int32Array, states + counts.length * bytes, 1)[0]).toBe(-1);
  });
}
