import { expect, test } from "vitest";
import { alone, inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { rotateRow } from "./rotate-row.ts";

for (const { name, kernels, put, get, clear } of await kernelHarnesses([alone(rotateRow)])) {
  test.for(inputKinds)(`${name}: rows of %s numbers are rotated bit for bit as float32 says`, (kind) => {
    for (const [headDim, pairs] of [
      [6, 3],
      [16, 0],
      [20, 7],
      [64, 32],
      [128, 16],
    ] as const) {
      clear();
      const row = inputs(kind, headDim, 3);
      const angles = inputs("normal", pairs, 4);
      const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
      const address = put(row);
      kernels.rotateRowAlone!(address, put(cos), put(sin), pairs);
      const expected = row.slice();
      for (let pair = 0; pair < pairs; pair++) {
        const [x, y, c, s] = [row[pair]!, row[pair + pairs]!, cos[pair]!, sin[pair]!];
        expected[pair] = Math.fround(x * c) - Math.fround(y * s);
        expected[pair + pairs] = Math.fround(y * c) + Math.fround(x * s);
      }
      expect(get(Float32Array, address, headDim)).toEqual(expected);
    }
  });
}
