import { expect, test } from "vitest";
import { alone, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, scoreRowBytes, workspace } from "./row-records.ts";
import { tileTokens } from "./tile-layout.ts";
import { weightedValuesQ8 } from "./weighted-values-q8.ts";

for (const { name, kernels, put, get, clear } of await kernelHarnesses(weightedValuesQ8.map(alone))) {
  const kinds: Readonly<Record<string, { weight: (i: number) => number; value: (i: number) => number }>> = {
    random: {
      weight: (i) => (Math.imul(i, 40503) >>> 5) % 128,
      value: (i) => ((Math.imul(i, 40503) >>> 3) % 255) - 127,
    },
    largest: { weight: () => 127, value: () => 127 },
    lowest: { weight: () => 127, value: () => -127 },
    zero: { weight: () => 0, value: () => 100 },
  };

  test.for(Object.keys(kinds))(`${name}: %s bytes are weighted and added`, (kind) => {
    const { weight, value } = kinds[kind]!;
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const width of [16, 48, 64, 128]) {
        clear();
        const work = inputs("normal", workspace.bytes / 4, 9).map(Math.abs);
        const bytes = new Uint8Array(work.buffer);
        for (let row = 0; row < rows; row++) {
          for (let key = 0; key < tileTokens; key++) bytes[row * scoreRowBytes + key] = weight(row * tileTokens + key);
        }
        const scales = inputs("normal", width, 4).map(Math.abs);
        scales[3] = 0;
        // [width / 8][32][8 channels][4 keys]
        const values = Int8Array.from({ length: width * tileTokens }, (_, i) => value(i));
        const tile = new Uint8Array(width * 4 + values.length);
        tile.set(new Uint8Array(scales.buffer));
        tile.set(new Uint8Array(values.buffer), width * 4);
        const state = inputs("normal", width * rows, 3);

        const address = put(state);
        kernels[`weightedValuesQ8Rows${rows}Alone`]!(put(work), put(tile), address, width);
        const got = get(Float32Array, address, state.length);
        let largest = 0;
        for (let row = 0; row < rows; row++) {
          const keep = work[workspace.keep / 4 + row]!;
          const part = work[workspace.part / 4 + row]!;
          for (let channel = 0; channel < width; channel++) {
            const group = Math.floor(channel / 8);
            let sum = 0;
            for (let key = 0; key < tileTokens; key++) {
              const inTile = ((group * tileTokens) / 4 + Math.floor(key / 4)) * 32 + (channel % 8) * 4 + (key % 4);
              sum += values[inTile]! * bytes[row * scoreRowBytes + key]!;
            }
            const at = (group * rows + row) * 8 + (channel % 8);
            const added = sum * scales[channel]! * part;
            const exact = state[at]! * keep + added;
            const size = Math.abs(state[at]! * keep) + Math.abs(added);
            largest = Math.max(largest, size === 0 ? Math.abs(got[at]!) : Math.abs(got[at]! - exact) / size);
          }
        }
        expect(largest, `${rows} rows, width ${width}`).toBeLessThan(3e-7);
      }
    }
  });
}
