import { expect, test } from "vitest";
import { lineBytes } from "../layout.ts";
import { attendTileF32, attendTileQ8 } from "./attend-tile.ts";
import { largestWeight } from "./exponential.ts";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, queryRecord, queryRecordBytes, stateRecord, stateRecordBytes, workspace } from "./row-records.ts";
import { groupHeaderBytes, queryOffset, tileBytes, tileTokens, valuesOffset } from "./tile-layout.ts";

const width = 32;
const counts = [6, 2];
const limits = [40, 41, 41, 41, 42, 42, 42, 43];

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([attendTileF32, attendTileQ8])) {
  /** @returns a row's state after it: maximum, sum, and weighted values */
  const rowState = (states: number, row: number) => {
    const [record, inRecord] = [Math.floor(row / mostRows), row % mostRows];
    const numbers = get(Float32Array, states + record * stateRecordBytes(width), stateRecordBytes(width) / 4);
    const at = (channel: number) => (Math.floor(channel / 8) * counts[record]! + inRecord) * 8 + (channel % 8);
    return {
      maximum: numbers[stateRecord.maxima / 4 + inRecord]!,
      sum: numbers[stateRecord.sums / 4 + inRecord]!,
      values: Float32Array.from({ length: width }, (_, channel) => numbers[stateRecord.values / 4 + at(channel)]!),
    };
  };

  test.for([0, 1])(`${name}: an f32 tile is taken into the states of two records, causal: %i`, (causal) => {
    clear();
    const queries = inputs("normal", limits.length * width, 1).map((x) => x / 2);
    const tile = inputs("normal", tileBytes("f32", width) / 4, 2);
    if (causal === 1) hide(tile, limits.at(-1)!);
    const states = put(freshStates());
    kernels.attendTileF32!(
      put(records(queries)),
      states,
      room(workspace.bytes),
      put(tile),
      2,
      width,
      causal,
      tile.byteLength / lineBytes,
    );
    limits.forEach((limit, row) => {
      const seen = causal === 1 ? limit : tileTokens;
      const exponents = Array.from({ length: seen }, (_, key) => {
        let sum = 0;
        for (let i = 0; i < width; i++) {
          sum += queries[row * width + i]! * tile[(Math.floor(key / 8) * width + i) * 8 + (key % 8)]!;
        }
        return sum;
      });
      const largest = Math.max(...exponents);
      const weights = exponents.map((x) => 2 ** (x - largest));
      const got = rowState(states, row);
      expect(got.maximum).toBeCloseTo(largest, 4);
      expect(got.sum / weights.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      got.values.forEach((value, channel) => {
        const column = tileTokens * width + Math.floor(channel / 8) * tileTokens * 8 + (channel % 8);
        const exact = weights.reduce((sum, weight, key) => sum + weight * tile[column + key * 8]!, 0);
        expect(value).toBeCloseTo(exact, 4);
      });
    });
  });

  test(`${name}: a q8 tile is taken into the states of two records`, () => {
    clear();
    const bytesOf = (length: number, seed: number, largest: number) =>
      Int8Array.from(inputs("normal", length, seed), (x) => Math.max(-largest, Math.min(largest, Math.round(x * 30))));
    const queries = bytesOf(limits.length * width, 1, 63);
    const keys = bytesOf(tileTokens * width, 2, 127);
    const values = bytesOf(tileTokens * width, 3, 127);
    const [queryScale, keyScale, valueScale] = [0.001, 0.7, 0.05].map(Math.fround) as [number, number, number];

    const tile = new DataView(new ArrayBuffer(tileBytes("q8", width)));
    const valuesBytes = tile.byteLength - valuesOffset("q8", width);
    expect(valuesBytes).toBe(width * 4 + tileTokens * width);
    for (let key = 0; key < tileTokens; key++) {
      const group = Math.floor(key / 8) * (groupHeaderBytes + 8 * width);
      const row = keys.subarray(key * width, (key + 1) * width);
      tile.setFloat32(group + (key % 8) * 4, keyScale, true);
      tile.setInt32(group + 32 + (key % 8) * 4, -queryOffset * row.reduce((a, b) => a + b, 0), true);
      row.forEach((byte, i) => {
        tile.setInt8(group + groupHeaderBytes + (Math.floor(i / 4) * 8 + (key % 8)) * 4 + (i % 4), byte);
      });
    }
    const inValues = valuesOffset("q8", width);
    for (let channel = 0; channel < width; channel++) tile.setFloat32(inValues + channel * 4, valueScale, true);
    values.forEach((byte, i) => {
      const [key, channel] = [Math.floor(i / width), i % width];
      const group = Math.floor(channel / 8) * (tileTokens / 4) + Math.floor(key / 4);
      tile.setInt8(inValues + width * 4 + (group * 8 + (channel % 8)) * 4 + (key % 4), byte);
    });

    const queryRecords = records(Float32Array.from(queries), queryScale, true);
    const lines = tile.byteLength / lineBytes;
    const [address, states] = [put(new Uint8Array(tile.buffer)), put(freshStates())];
    const work = room(workspace.bytes);
    kernels.attendTileQ8!(put(queryRecords), states, work, address, 2, width, 1, lines);
    limits.forEach((_, row) => {
      const exponents = Array.from({ length: tileTokens }, (_, key) => {
        let sum = 0;
        for (let i = 0; i < width; i++) sum += queries[row * width + i]! * keys[key * width + i]!;
        return sum * keyScale * queryScale;
      });
      const largest = Math.max(...exponents);
      const weights = exponents.map((x) => Math.round(largestWeight * 2 ** (x - largest)) / largestWeight);
      const got = rowState(states, row);
      expect(got.maximum).toBeCloseTo(largest, 4);
      // Weights may be rounded to the neighbouring byte.
      expect(got.sum / weights.reduce((a, b) => a + b)).toBeCloseTo(1, 1);
      got.values.forEach((value, channel) => {
        const exact = weights.reduce(
          (sum, weight, key) => sum + weight * values[key * width + channel]! * valueScale,
          0,
        );
        const slack = values.reduce((sum, byte, i) => sum + (i % width === channel ? Math.abs(byte) : 0), 0);
        expect(Math.abs(value - exact)).toBeLessThan((slack * valueScale) / largestWeight / 4);
      });
    });
  });
}

/** Query records of rows [row][width]. */
function records(rows: Float32Array, scale = 0, isBytes = false): Uint8Array {
  const bytes = queryRecordBytes(width);
  const out = new DataView(new ArrayBuffer(counts.length * bytes));
  let row = 0;
  counts.forEach((count, record) => {
    const at = record * bytes;
    out.setInt32(at + queryRecord.rows, count, true);
    out.setInt32(at + queryRecord.lastLimit, limits[row + count - 1]!, true);
    for (let inRecord = 0; inRecord < count; inRecord++, row++) {
      out.setFloat32(at + queryRecord.scales + inRecord * 4, scale, true);
      out.setInt32(at + queryRecord.limits + inRecord * 4, limits[row]!, true);
      for (let i = 0; i < width; i++) {
        const number = rows[row * width + i]!;
        const numbers = at + queryRecord.numbers;
        const byte = numbers + mostRows * width * 4 + (Math.floor(i / 4) * count + inRecord) * 4 + (i % 4);
        if (isBytes) out.setUint8(byte, number + queryOffset);
        else out.setFloat32(numbers + (i * count + inRecord) * 4, number, true);
      }
    }
  });
  return new Uint8Array(out.buffer);
}

function freshStates(): Float32Array {
  const out = new Float32Array((counts.length * stateRecordBytes(width)) / 4);
  counts.forEach((_, record) => {
    const at = (record * stateRecordBytes(width) + stateRecord.maxima) / 4;
    out.fill(-1e30, at, at + mostRows);
  });
  return out;
}

/** Makes NaN of all keys and values from `limit` on. */
function hide(tile: Float32Array, limit: number): void {
  for (let key = limit; key < tileTokens; key++) {
    for (let i = 0; i < width; i++) {
      tile[(Math.floor(key / 8) * width + i) * 8 + (key % 8)] = Number.NaN;
      tile[tileTokens * width + (Math.floor(i / 8) * tileTokens + key) * 8 + (i % 8)] = Number.NaN;
    }
  }
}
