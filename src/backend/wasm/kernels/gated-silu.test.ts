import { expect, test } from "vitest";
import { gatedSilu } from "./gated-silu.ts";
import { inputs, kernelHarnesses, normalNumbers } from "./kernel-harness.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([gatedSilu])) {
  const gated = (gate: Float32Array, up: Float32Array) => {
    clear();
    const to = room(gate.byteLength + 64);
    kernels.gatedSilu!(put(gate), put(up), to, gate.length / 4);
    expect(get(Uint8Array, to + gate.byteLength, 64).every((byte) => byte === 0xff)).toBe(true);
    return get(Float32Array, to, gate.length);
  };

  test.for([1e-20, 1, 20, 90, 1e15])(`${name}: up · silu(gate) for gates of about %s`, (size) => {
    const normal = normalNumbers(3);
    const gate = Float32Array.from({ length: 4000 }, () => normal() * size);
    const up = inputs("normal", 4000, 5);
    const got = gated(gate, up);
    gate.forEach((x, i) => {
      const exact = (up[i]! * x) / (1 + Math.exp(-x));
      // The exponent -|x| · log2 e is rounded to 2^-24 of itself (twice: the constant and the product), which e^ makes relative; the polynomial
      // has 2e-7, and four operations are rounded. Powers below 2^-126 count as 0.
      const relative = 2 * Math.min(Math.abs(x), 88) * 2 ** -24 + 2e-7 + 4 * 2 ** -24;
      const absolute = Math.abs(up[i]! * x) * 2 ** -125 + 2 ** -148;
      expect(Math.abs(got[i]! - exact)).toBeLessThanOrEqual(Math.abs(exact) * relative + absolute);
    });
  });

  test(`${name}: exact at zero and at the ends`, () => {
    const largest = (2 - 2 ** -23) * 2 ** 127;
    const gate = Float32Array.of(0, -0, largest, -largest, 1000, -1000, Number.NaN, 2 ** -149);
    const got = gated(gate, new Float32Array(8).fill(1));
    expect([...got]).toEqual([0, -0, largest, expect.closeTo(0, 30), 1000, expect.closeTo(0, 30), Number.NaN, 0]);
  });

  test(`${name}: nothing is done for no vectors`, () => {
    expect(gated(new Float32Array(0), new Float32Array(0))).toEqual(new Float32Array(0));
  });
}
