import { expect, test } from "vitest";
import { alone, inputKinds, inputs, kernelHarnesses, roundingError } from "./kernel-harness.ts";
import { mostRows, scoreRowBytes, workspace } from "./row-records.ts";
import { scoresF32 } from "./scores-f32.ts";
import { tileTokens } from "./tile-layout.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses(scoresF32.map(alone))) {
  const scores = (queries: Float32Array, keys: Float32Array, rows: number, width: number, limit: number) => {
    clear();
    const work = room(workspace.bytes);
    kernels[`scoresF32Rows${rows}Alone`]!(put(queries), put(keys), work, width, limit);
    return get(Float32Array, work, (rows * scoreRowBytes) / 4);
  };

  test.for(inputKinds)(`${name}: scores of %s numbers are sums of products`, (kind) => {
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const width of [16, 48, 128]) {
        const queries = inputs(kind, rows * width, 1);
        const keys = inputs(kind, tileTokens * width, 2);
        const got = scores(queries, keys, rows, width, tileTokens);
        let excess = Number.NEGATIVE_INFINITY;
        for (let row = 0; row < rows; row++) {
          for (let key = 0; key < tileTokens; key++) {
            let sum = 0;
            let magnitudes = 0;
            for (let channel = 0; channel < width; channel++) {
              const inGroup = (Math.floor(key / 8) * width + channel) * 8 + (key % 8);
              const product = queries[channel * rows + row]! * keys[inGroup]!;
              sum += product;
              magnitudes += Math.abs(product);
            }
            const error = Math.abs(got[row * tileTokens + key]! - sum);
            excess = Math.max(excess, error - roundingError(width, magnitudes));
          }
        }
        expect(excess, `${rows} rows, width ${width}`).toBeLessThanOrEqual(0);
      }
    }
  });

  test(`${name}: a row's bits do not depend on how many rows there are`, () => {
    const width = 64;
    const keys = inputs("normal", tileTokens * width, 2);
    const query = inputs("normal", width, 3);
    const alone = scores(query, keys, 1, width, tileTokens);
    for (let rows = 2; rows <= mostRows; rows++) {
      const queries = inputs("normal", rows * width, 4);
      query.forEach((x, channel) => {
        queries[channel * rows + rows - 1] = x;
      });
      expect(scores(queries, keys, rows, width, tileTokens).slice((rows - 1) * tileTokens)).toEqual(alone);
    }
  });

  test(`${name}: scores of keys far past the limit are not written`, () => {
    const width = 16;
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const limit of [1, 4, 17, tileTokens - 28, tileTokens]) {
        const got = scores(inputs("normal", rows * width), inputs("normal", tileTokens * width), rows, width, limit);
        const row = got.slice(0, tileTokens);
        expect(row.slice(0, limit).every(Number.isFinite)).toBe(true);
        expect(row.slice(Math.ceil(limit / 16) * 16).every(Number.isNaN)).toBe(true);
      }
    }
  });
}
