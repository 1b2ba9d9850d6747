import { expect, test } from "vitest";
import { lineBytes } from "../layout.ts";
import { alone, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { touch } from "./touch.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([alone(touch)])) {
  test(`${name}: every line is read, in its first vector, and nothing but the sink is written`, () => {
    for (const lines of [0, 1, 2, 81]) {
      clear();
      const numbers = new Int32Array(inputs("normal", (lines * lineBytes) / 4).buffer);
      const memory = put(numbers);
      const sink = room(48);
      kernels.touchAlone!(memory, lines, sink + 16);
      const expected = [0, 0, 0, 0];
      for (let i = 0; i < numbers.length; i++) if (i % (lineBytes / 4) < 4) expected[i % 4]! ^= numbers[i]!;
      expect([...get(Int32Array, sink, 12)]).toEqual([-1, -1, -1, -1, ...expected, -1, -1, -1, -1]);
      expect(get(Int32Array, memory, numbers.length)).toEqual(numbers);
    }
  });
}
