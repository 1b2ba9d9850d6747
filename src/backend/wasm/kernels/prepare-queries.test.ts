import { expect, test } from "vitest";
import { inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { prepareQueries } from "./prepare-queries.ts";
import { mostRows, queryRecord, queryRecordBytes, recordCount } from "./row-records.ts";
import { paddedWidth, queryOffset } from "./tile-layout.ts";

const scale = Math.fround(0.18);
const shapes = [
  { tokens: 1, group: 7, headDim: 64, pairs: 32 },
  { tokens: 5, group: 5, headDim: 20, pairs: 7 },
  { tokens: 2, group: 1, headDim: 6, pairs: 0 },
  { tokens: 32, group: 8, headDim: 128, pairs: 64 },
];

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([prepareQueries])) {
  const prepare = (
    shape: (typeof shapes)[number],
    queries: Float32Array,
    [cos, sin]: readonly [Float32Array, Float32Array],
    multipliers: Float32Array | undefined,
    planes: 0 | 1 | 2,
  ) => {
    clear();
    const { tokens, group, headDim, pairs } = shape;
    const width = paddedWidth(headDim);
    const bytes = recordCount(tokens * group) * queryRecordBytes(width);
    const records = room(bytes);
    kernels.prepareQueries!(
      put(queries),
      (queries.length / tokens) * 4,
      put(cos),
      put(sin),
      multipliers ? put(multipliers) : 0,
      multipliers ? 1 : 0,
      records,
      room(width * 4),
      tokens,
      group,
      headDim,
      pairs,
      width,
      scale,
      11,
      planes,
    );
    return get(Uint8Array, records, bytes);
  };

  const cases = inputKinds.flatMap((kind) => [
    [kind, 1],
    [kind, 2],
  ]) as [(typeof inputKinds)[number], 1 | 2][];

  test.for(cases)(`${name}: %s queries are rotated, scaled and laid out, in %i planes`, ([kind, planes]) => {
    for (const shape of shapes) {
      const { tokens, group, headDim, pairs } = shape;
      const width = paddedWidth(headDim);
      // A row has more heads than the item's.
      const columns = (group + 2) * headDim;
      const queries = inputs(kind, tokens * columns);
      const angles = inputs("normal", tokens * pairs, 2);
      const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
      const multipliers = Float32Array.from({ length: headDim }, (_, i) => 2 ** ((i % 7) - 3));
      const bytes = prepare(shape, queries, [cos, sin], multipliers, planes);
      const rows = tokens * group;
      for (let row = 0; row < rows; row++) {
        const record = Math.floor(row / mostRows);
        const rowsOfRecord = Math.min(mostRows, rows - record * mostRows);
        const at = record * queryRecordBytes(width);
        const view = new DataView(bytes.buffer, at, queryRecordBytes(width));
        const inRecord = row % mostRows;
        const token = Math.floor(row / group);
        expect(view.getInt32(queryRecord.rows, true)).toBe(rowsOfRecord);
        expect(view.getInt32(queryRecord.limits + inRecord * 4, true)).toBe(11 + token);
        const lastToken = Math.floor((record * mostRows + rowsOfRecord - 1) / group);
        expect(view.getInt32(queryRecord.lastLimit, true)).toBe(11 + lastToken);

        const expected = new Float32Array(width);
        const start = token * columns + (row % group) * headDim;
        for (let i = 0; i < headDim; i++) expected[i] = queries[start + i]! * multipliers[i]!;
        const unrotated = expected.slice();
        for (let pair = 0; pair < pairs; pair++) {
          const [x, y] = [unrotated[pair]!, unrotated[pair + pairs]!];
          const [c, s] = [cos[token * pairs + pair]!, sin[token * pairs + pair]!];
          expected[pair] = Math.fround(x * c) - Math.fround(y * s);
          expected[pair + pairs] = Math.fround(y * c) + Math.fround(x * s);
        }
        const scaled = expected.map((x) => x * scale);
        const numbers = scaled.map((_, i) =>
          view.getFloat32(queryRecord.numbers + (i * rowsOfRecord + inRecord) * 4, true),
        );
        expect(numbers).toEqual(scaled);

        const queryScale = view.getFloat32(queryRecord.scales + inRecord * 4, true);
        const largest = Math.max(...scaled.map(Math.abs));
        expect(Math.abs(queryScale - largest / (planes === 1 ? 63 : 4095))).toBeLessThanOrEqual(largest * 1e-7);
        const errors = scaled.map((x, i) => {
          const inBytes = (Math.floor(i / 4) * rowsOfRecord + inRecord) * 4 + (i % 4);
          const byte = view.getUint8(queryRecord.numbers + mostRows * width * 4 + inBytes);
          const lower = view.getUint8(queryRecord.numbers + mostRows * width * 5 + inBytes);
          const integer = planes === 1 ? byte - queryOffset : 64 * (byte - queryOffset) + lower;
          if (byte > 127 || (planes === 2 && lower > 63)) return 99;
          return Math.abs(integer * queryScale - x) / (queryScale || 1);
        });
        expect(Math.max(...errors)).toBeLessThan(planes === 1 ? 0.5001 : 0.502);
      }
    }
  });

  test(`${name}: without multipliers, and without bytes`, () => {
    const shape = shapes[0]!;
    const queries = inputs("normal", 7 * 64);
    const angles = inputs("normal", 32);
    const turn = [angles.map(Math.cos), angles.map(Math.sin)] as const;
    const expected = prepare(shape, queries, turn, new Float32Array(64).fill(1), 1);
    const got = prepare(shape, queries, turn, undefined, 0);
    const end = queryRecord.numbers + mostRows * 64 * 4;
    expect(got.slice(queryRecord.numbers, end)).toEqual(expected.slice(queryRecord.numbers, end));
    expect(got.slice(end, queryRecordBytes(64)).every((byte) => byte === 0xff)).toBe(true);
  });
}
