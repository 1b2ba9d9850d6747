import { expect, test } from "vitest";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { paddedWidth, tileTokens } from "./tile-layout.ts";
import { writeValuesF16, writeValuesF32 } from "./write-values.ts";

const shapes = [
  { headDim: 64, heads: 2, first: 0, tokens: tileTokens },
  { headDim: 23, heads: 3, first: 5, tokens: 9 },
  { headDim: 1, heads: 1, first: tileTokens - 1, tokens: 1 },
];

for (const { name, kernels, put, room, clear, get } of await kernelHarnesses([writeValuesF32, writeValuesF16])) {
  for (const [type, NumberArray] of [
    ["F32", Float32Array],
    ["F16", Float16Array],
  ] as const) {
    test.for(shapes)(`${name}: ${type} values of $heads heads of $headDim, $tokens from $first`, (shape) => {
      for (const scale of [1, 1e5, 1e-7, -0]) {
        clear();
        const { headDim, heads, first, tokens } = shape;
        const width = paddedWidth(headDim);
        const columns = heads * headDim;
        const values = inputs("normal", tokens * columns).map((x) => x * scale);
        const numbers = tileTokens * width;
        const gap = 32;
        const tile = room((numbers + gap) * heads * NumberArray.BYTES_PER_ELEMENT);
        kernels[`writeValues${type}`]!(
          put(values),
          columns * 4,
          tile,
          (numbers + gap) * NumberArray.BYTES_PER_ELEMENT,
          first,
          tokens,
          heads,
          headDim,
          width,
          room(width * 4),
        );
        const expected = new NumberArray((numbers + gap) * heads).fill(Number.NaN);
        for (let token = 0; token < tokens; token++) {
          for (let head = 0; head < heads; head++) {
            for (let channel = 0; channel < width; channel++) {
              const value = channel < headDim ? values[token * columns + head * headDim + channel]! : 0;
              const inTile = (Math.floor(channel / 8) * tileTokens + first + token) * 8 + (channel % 8);
              expected[head * (numbers + gap) + inTile] = value;
            }
          }
        }
        expect(get(NumberArray as typeof Float32Array, tile, expected.length)).toEqual(expected);
      }
    });
  }
}
