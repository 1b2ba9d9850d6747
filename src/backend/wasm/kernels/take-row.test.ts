import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { takeRow } from "./take-row.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([takeRow])) {
  test(`${name}: a row's bits are copied, whatever they mean, and no others`, () => {
    for (const vectors of [0, 1, 2, 7, 100]) {
      clear();
      const bits = Int32Array.from({ length: vectors * 4 }, (_, i) => Math.imul(i + 1, 2654435761));
      const to = room(bits.byteLength + 64);
      kernels.takeRow!(put(bits), to, vectors);
      expect(get(Int32Array, to, bits.length)).toEqual(bits);
      expect(get(Uint8Array, to + bits.byteLength, 64).every((byte) => byte === 0xff)).toBe(true);
    }
  });
}
