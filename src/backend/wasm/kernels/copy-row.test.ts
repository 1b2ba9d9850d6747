import { expect, test } from "vitest";
import { copyRow } from "./copy-row.ts";
import { alone, inputs, kernelHarnesses } from "./kernel-harness.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([alone(copyRow)])) {
  const copy = (source: Float32Array, width: number, multipliers?: Float32Array) => {
    clear();
    const to = room((width + 4) * 4);
    kernels.copyRowAlone!(
      put(source),
      multipliers ? put(multipliers) : 0,
      to,
      multipliers ? 1 : 0,
      source.length,
      width,
    );
    expect(get(Int32Array, to + width * 4, 1)[0], "the number after it").toBe(-1);
    return get(Float32Array, to, width);
  };

  test.for([1, 3, 6, 16, 20, 128])(`${name}: a row of %i numbers is copied and filled up with zeros`, (headDim) => {
    const width = Math.ceil(headDim / 16) * 16;
    const source = inputs("normal", headDim);
    source[0] = -0;
    const padding = new Array<number>(width - headDim).fill(0);
    expect(copy(source, width)).toEqual(Float32Array.of(...source, ...padding));
    const multipliers = inputs("normal", headDim, 2);
    expect(copy(source, width, multipliers)).toEqual(
      Float32Array.of(...source.map((x, i) => x * multipliers[i]!), ...padding),
    );
  });
}
