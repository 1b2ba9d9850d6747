import fc from "fast-check";
import { expect, test } from "vitest";
import type { Segment } from "../backend.ts";
import type { Matrix, Parameter } from "./matrix.ts";
import { createReferenceBackend } from "./reference.ts";

const backend = createReferenceBackend();
const matrix = (rows: number, columns: number, data: ArrayLike<number>): Matrix => ({
  rows,
  columns,
  data: Float32Array.from(data),
});
const random = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(seed + 12.9898 * i * i) * 3);
const upload = (shape: readonly number[], numbers: Float32Array): Parameter => ({ shape, data: numbers });
const data = (tensor: unknown): Float32Array => (tensor as Matrix).data;

test("linear is x · weightᵀ + bias for any shape, and a row does not see its neighbours", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 11 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      (rows, inputs, outputs) => {
        const x = matrix(rows, inputs, random(rows * inputs, 1));
        const weight = upload([outputs, inputs], Float32Array.from(random(outputs * inputs, 2)));
        const bias = upload([outputs], Float32Array.from(random(outputs, 3)));
        const out = data(backend.linear(x, weight, bias));
        const w = (weight as unknown as Matrix).data;
        for (let row = 0; row < rows; row++) {
          for (let o = 0; o < outputs; o++) {
            let sum = 0;
            for (let i = 0; i < inputs; i++) sum += x.data[row * inputs + i]! * w[o * inputs + i]!;
            expect(out[row * outputs + o]).toBeCloseTo(sum + (bias as unknown as Matrix).data[o]!, 4);
          }
          const alone = data(
            backend.linear(matrix(1, inputs, x.data.slice(row * inputs, (row + 1) * inputs)), weight, bias),
          );
          expect(out.slice(row * outputs, (row + 1) * outputs)).toEqual(alone);
        }
      },
    ),
  );
});

test("rmsNorm norms rows, or each head of a row where the weight is a head wide", () => {
  const ones = upload([2], Float32Array.of(1, 2));
  const out = data(backend.rmsNorm(matrix(1, 4, [3, 4, 0, 0]), ones, 1e-6));
  const root = Math.sqrt(12.5 + 1e-6);
  expect([...out]).toEqual([3 / root, (2 * 4) / root, 0, 0].map((value) => expect.closeTo(value, 6)));
});

test("gated SiLU is finite at the ends", () => {
  const out = data(backend.gatedSilu(matrix(1, 4, [-1e4, 1e4, 0, -0.5]), matrix(1, 4, [2, 2, 2, 2])));
  expect([...out]).toEqual(
    [0, 2e4, 0, expect.closeTo(-1 / (1 + Math.exp(0.5)), 6)].map((value) =>
      value === 0 ? expect.closeTo(0, 9) : value,
    ),
  );
});

test("rotate leaves channels past the rotated pairs alone", () => {
  const rotary = { cos: Float32Array.of(0), sin: Float32Array.of(1), pairs: 1 };
  expect([...data(backend.rotate(matrix(1, 4, [1, 2, 3, 4]), 4, rotary))]).toEqual([-2, 1, 3, 4]);
});

test("attention is causal, groups its heads, and sees only its own sequence's blocks", () => {
  const layout = { layers: 1, keyValueHeads: 1, headDim: 2, blockTokens: 2, type: "f32" } as const;
  const store = backend.createBlockStore(layout);
  const [a, b] = [[store.allocate(), store.allocate()], [store.allocate()]];
  const segments: Segment[] = [
    { firstRow: 0, rows: 3, final: 3, firstPosition: 0, blocks: a },
    { firstRow: 3, rows: 1, final: 1, firstPosition: 0, blocks: b },
  ];
  const keys = matrix(4, 2, random(8, 5));
  const values = matrix(4, 2, random(8, 6));
  const queries = matrix(4, 4, random(16, 7)); // two heads on one key head
  backend.writeCache(store, 0, keys, values, segments);
  const out = data(backend.attention(queries, store, 0, segments, 0.5));
  for (let row = 0; row < 4; row++) {
    const [first, last] = row < 3 ? [0, row] : [3, 3];
    for (let head = 0; head < 2; head++) {
      const q = queries.data.slice(row * 4 + head * 2, row * 4 + head * 2 + 2);
      const weights: number[] = [];
      for (let t = first; t <= last; t++)
        weights.push(Math.exp(0.5 * (q[0]! * keys.data[t * 2]! + q[1]! * keys.data[t * 2 + 1]!)));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      for (let c = 0; c < 2; c++) {
        const expected = weights.reduce(
          (total, weight, i) => total + (weight / sum) * values.data[(first + i) * 2 + c]!,
          0,
        );
        expect(out[row * 4 + head * 2 + c]).toBeCloseTo(expected, 5);
      }
    }
  }
});
