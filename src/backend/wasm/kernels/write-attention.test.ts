import { expect, test } from "vitest";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, recordCount, stateRecord, stateRecordBytes } from "./row-records.ts";
import { paddedWidth } from "./tile-layout.ts";
import { writeAttention } from "./write-attention.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([writeAttention])) {
  test.for([
    { tokens: 1, group: 7, headDim: 64 },
    { tokens: 3, group: 5, headDim: 23 },
    { tokens: 2, group: 1, headDim: 6 },
    { tokens: 4, group: 8, headDim: 1 },
  ])(`${name}: $tokens tokens of $group heads of $headDim`, ({ tokens, group, headDim }) => {
    clear();
    const width = paddedWidth(headDim);
    const rows = tokens * group;
    const records = recordCount(rows);
    const states = inputs("normal", (records * stateRecordBytes(width)) / 4);
    const rowsOf = (record: number) => Math.min(mostRows, rows - record * mostRows);
    for (let record = 0; record < records; record++) {
      new Int32Array(states.buffer)[(record * stateRecordBytes(width) + stateRecord.rows) / 4] = rowsOf(record);
    }
    // The output's rows have two more heads, which stay as they are.
    const stride = (group + 2) * headDim;
    const output = room(tokens * stride * 4);
    kernels.writeAttention!(put(states), output, stride * 4, records, group, headDim, width);
    const got = get(Float32Array, output, tokens * stride);
    const expected = new Float32Array(tokens * stride).fill(Number.NaN);
    for (let row = 0; row < rows; row++) {
      const record = Math.floor(row / mostRows);
      const at = (record * stateRecordBytes(width)) / 4;
      for (let i = 0; i < headDim; i++) {
        const inValues = (Math.floor(i / 8) * rowsOf(record) + (row % mostRows)) * 8 + (i % 8);
        const value = states[at + stateRecord.values / 4 + inValues]!;
        const sum = states[at + stateRecord.sums / 4 + (row % mostRows)]!;
        expected[Math.floor(row / group) * stride + (row % group) * headDim + i] = value / sum;
      }
    }
    expect(got).toEqual(expected);
  });
}
