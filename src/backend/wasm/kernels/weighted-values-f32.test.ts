import { expect, test } from "vitest";
import { alone, inputKinds, inputs, kernelHarnesses, roundingError } from "./kernel-harness.ts";
import { mostRows, workspace } from "./row-records.ts";
import { tileTokens } from "./tile-layout.ts";
import { weightedValuesF32 } from "./weighted-values-f32.ts";

for (const { name, kernels, put, get, clear } of await kernelHarnesses(weightedValuesF32.map(alone))) {
  /** @returns the new state, [width / 8][rows][8] */
  const weigh = (numbers: Float32Array, values: Float32Array, state: Float32Array, rows: number, limit: number) => {
    clear();
    const address = put(state);
    const work = put(numbers);
    const width = state.length / rows;
    kernels[`weightedValuesF32Rows${rows}Alone`]!(work, work, put(values), address, rows * 32, width, limit);
    return get(Float32Array, address, state.length);
  };

  test.for(inputKinds)(`${name}: %s values are weighted and added`, (kind) => {
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const [width, limit] of [
        [16, tileTokens],
        [48, 1],
        [64, 77],
        [128, tileTokens],
      ] as const) {
        const work = randomWork();
        const values = inputs(kind, width * tileTokens, 2);
        const state = inputs(kind, width * rows, 3);
        const got = weigh(work, values, state, rows, limit);
        let excess = Number.NEGATIVE_INFINITY;
        for (let row = 0; row < rows; row++) {
          const keep = work[workspace.keep / 4 + row]!;
          const part = work[workspace.part / 4 + row]!;
          for (let channel = 0; channel < width; channel++) {
            const inState = (Math.floor(channel / 8) * rows + row) * 8 + (channel % 8);
            let sum = state[inState]! * keep;
            let magnitudes = Math.abs(sum);
            for (let key = 0; key < limit; key++) {
              const inValues = (Math.floor(channel / 8) * tileTokens + key) * 8 + (channel % 8);
              const product = work[row * tileTokens + key]! * values[inValues]! * part;
              sum += product;
              magnitudes += Math.abs(product);
            }
            excess = Math.max(excess, Math.abs(got[inState]! - sum) - roundingError(limit + 3, magnitudes));
          }
        }
        expect(excess, `${rows} rows, width ${width}`).toBeLessThanOrEqual(0);
      }
    }
  });

  test(`${name}: what stands past the limit does not matter`, () => {
    const width = 32;
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const limit of [1, 7, 8, 125]) {
        const values = inputs("normal", width * tileTokens);
        const state = inputs("normal", width * rows);
        const expected = weigh(randomWork(), values, state, rows, limit);
        const others = values.map((x, i) => (Math.floor(i / 8) % tileTokens < limit ? x : Number.NaN));
        expect(weigh(randomWork(), others, state, rows, limit)).toEqual(expected);
      }
    }
  });

  test(`${name}: weights of zero at the end change no bit, and other rows neither`, () => {
    const width = 64;
    const values = inputs("normal", width * tileTokens);
    const work = randomWork();
    const one = weigh(work, values, inputs("normal", width), 1, 50);
    for (let key = 50; key < tileTokens; key++) work[key] = 0;
    for (let rows = 2; rows <= mostRows; rows++) {
      const state = new Float32Array(width * rows);
      inputs("normal", width).forEach((x, channel) => {
        state[Math.floor(channel / 8) * rows * 8 + (channel % 8)] = x;
      });
      const got = weigh(work, values, state, rows, tileTokens);
      expect(one.map((_, channel) => got[Math.floor(channel / 8) * rows * 8 + (channel % 8)]!)).toEqual(one);
    }
  });
}

function randomWork(): Float32Array {
  return inputs("normal", workspace.bytes / 4, 9).map(Math.abs);
}
