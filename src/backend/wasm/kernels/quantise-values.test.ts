import { expect, test } from "vitest";
import { inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { quantiseValues } from "./quantise-values.ts";
import { tileTokens } from "./tile-layout.ts";

for (const { name, kernels, put, clear, room, get } of await kernelHarnesses([quantiseValues])) {
  test.for(inputKinds)(`${name}: %s values are rounded to bytes`, (kind) => {
    for (const width of [16, 48, 128]) {
      clear();
      const values = inputs(kind, tileTokens * width);
      const at = (channel: number, key: number) => (Math.floor(channel / 8) * tileTokens + key) * 8 + (channel % 8);
      // A channel of zeros among others, and one that is far larger.
      for (let key = 0; key < tileTokens; key++) {
        values[at(1, key)] = 0;
        values[at(2, key)]! *= 1000;
      }
      const target = room(width * 4 + tileTokens * width);
      kernels.quantiseValues!(put(values), target, width);
      const scales = get(Float32Array, target, width);
      const bytes = get(Int8Array, target + width * 4, tileTokens * width);
      for (let channel = 0; channel < width; channel++) {
        const numbers = Float32Array.from({ length: tileTokens }, (_, key) => values[at(channel, key)]!);
        const scale = scales[channel]!;
        const largest = Math.max(...numbers.map(Math.abs));
        expect(Math.abs(scale - largest / 127)).toBeLessThanOrEqual(largest * 1e-7);
        const errors = numbers.map((x, key) => {
          const inTile =
            (Math.floor(channel / 8) * (tileTokens / 4) + Math.floor(key / 4)) * 32 + (channel % 8) * 4 + (key % 4);
          return Math.abs(bytes[inTile]! * scale - x) / (scale || 1);
        });
        expect(Math.max(...errors)).toBeLessThan(0.5001);
      }
    }
  });

  test.for([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    `${name}: a channel with %f is no number any more, and the others are as without`,
    (odd) => {
      const width = 16;
      const values = inputs("normal", tileTokens * width, 3);
      const quantised = () => {
        clear();
        const target = room(width * 4 + tileTokens * width);
        kernels.quantiseValues!(put(values), target, width);
        return get(Float32Array, target, width);
      };
      const before = quantised();
      for (const key of [0, 5, tileTokens - 1]) {
        const at = (tileTokens + key) * 8 + 6; // of channel 14
        const kept = values[at]!;
        values[at] = odd;
        const after = quantised();
        expect(Number.isFinite(after[14])).toBe(false);
        after[14] = before[14]!;
        expect(after).toEqual(before);
        values[at] = kept;
      }
    },
  );

  test(`${name}: ties go to even, and what is next to nothing is nothing`, () => {
    clear();
    const width = 16;
    const values = new Float32Array(tileTokens * width);
    for (const [key, value] of [127, 0.5, 1.5, -2.5, -3.5].entries()) values[key * 8] = value;
    values[1] = 1e-35;
    const target = room(width * 4 + tileTokens * width);
    kernels.quantiseValues!(put(values), target, width);
    expect([...get(Float32Array, target, 2)]).toEqual([1, 0]);
    const bytes = get(Int8Array, target + width * 4, 64);
    expect([...bytes.slice(0, 4), bytes[32]]).toEqual([127, 0, 2, -2, -4]);
    expect(bytes[4]).toBe(0);
  });
}
