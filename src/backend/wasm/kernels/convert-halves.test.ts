import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { narrowHalves } from "./narrow-halves.ts";
import { widenHalves } from "./widen-halves.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([widenHalves, narrowHalves])) {
  test(`${name}: every half is widened exactly`, () => {
    clear();
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const to = room(65536 * 4);
    kernels.widenHalves!(put(halves), to, 65536);
    expect(get(Float32Array, to, 65536)).toEqual(Float32Array.from(new Float16Array(halves.buffer)));
  });

  test(`${name}: float32 is rounded to the nearest half, ties to even`, () => {
    clear();
    const numbers = new Float32Array(2 ** 18);
    const bits = new Int32Array(numbers.buffer);
    // All exponents and signs with the mantissas that are next to ties, and others.
    for (let i = 0; i < bits.length; i++) {
      const mantissa = [0, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001, 0x7fffff, 0x7ff000, 0x7fefff];
      bits[i] = (i << 23) | (i < 512 * mantissa.length ? mantissa[i >> 9]! : Math.imul(i, 2654435761) & 0x7fffff);
    }
    const to = room(numbers.length * 2);
    kernels.narrowHalves!(put(numbers), to, numbers.length);
    expect(get(Float16Array, to, numbers.length)).toEqual(Float16Array.from(numbers));
  });
}
