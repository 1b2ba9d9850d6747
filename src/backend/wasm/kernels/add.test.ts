import { expect, test } from "vitest";
import { add } from "./add.ts";
import { inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([add])) {
  test(`${name}: sums are rounded once, and nothing is written behind them`, () => {
    for (const kind of inputKinds) {
      for (const vectors of [0, 1, 2, 7, 100]) {
        clear();
        const [a, b] = [inputs(kind, vectors * 4, 1), inputs(kind, vectors * 4, 2)];
        const to = room(a.byteLength + 64);
        kernels.add!(put(a), put(b), to, vectors);
        expect(get(Float32Array, to, a.length)).toEqual(a.map((number, i) => number + b[i]!));
        expect(get(Uint8Array, to + a.byteLength, 64).every((byte) => byte === 0xff)).toBe(true);
      }
    }
  });
}
