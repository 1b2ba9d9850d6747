import { expect, test } from "vitest";
import { inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { rmsNorm } from "./rms-norm.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([rmsNorm])) {
  const norm = (x: Float32Array, gain: Float32Array, epsilon: number) => {
    clear();
    const to = room(x.byteLength + 64);
    kernels.rmsNorm!(put(x), put(gain), to, x.length / gain.length, gain.length, epsilon);
    expect(get(Uint8Array, to + x.byteLength, 64).every((byte) => byte === 0xff)).toBe(true);
    return get(Float32Array, to, x.length);
  };

  test.for(inputKinds)(`${name}: rows and heads of any width, %s, are normed to float32's precision`, (kind) => {
    for (const width of [1, 2, 3, 4, 5, 7, 8, 64, 99, 128]) {
      for (const groups of [1, 2, 5]) {
        const x = inputs(kind, groups * width, width);
        const gain = inputs("normal", width, groups);
        const got = norm(x, gain, 1e-6);
        for (let group = 0; group < groups; group++) {
          const row = x.subarray(group * width, (group + 1) * width);
          const mean = row.reduce((sum, number) => sum + number * number, 0) / width;
          for (let i = 0; i < width; i++) {
            const exact = (gain[i]! * row[i]!) / Math.sqrt(mean + 1e-6);
            // Three roundings: of the inverse, its product, and that of the gain. Denormal numbers are rounded absolutely.
            expect(Math.abs(got[group * width + i]! - exact)).toBeLessThanOrEqual(
              Math.abs(exact) * 3.01 * 2 ** -24 + Math.abs(gain[i]!) * 2 ** -149 + 2 ** -149,
            );
          }
        }
      }
    }
  });

  test(`${name}: squares of numbers whose sum float32 cannot hold do not overflow`, () => {
    const got = norm(Float32Array.of(3e37, 4e37, -3e37, 4e37, 1e37), new Float32Array(5).fill(1), 1e-6);
    const root = Math.sqrt((9 + 16 + 9 + 16 + 1) / 5);
    for (const [i, exact] of [3, 4, -3, 4, 1].entries()) expect(got[i]! * root).toBeCloseTo(exact, 5);
  });

  test(`${name}: a group's bits do not depend on the groups before it`, () => {
    const gain = inputs("normal", 37, 3);
    const x = inputs("normal", 37 * 4, 4);
    const together = norm(x, gain, 1e-5);
    for (let group = 0; group < 4; group++)
      expect(norm(x.slice(group * 37, (group + 1) * 37), gain, 1e-5)).toEqual(
        together.subarray(group * 37, (group + 1) * 37),
      );
  });
}
