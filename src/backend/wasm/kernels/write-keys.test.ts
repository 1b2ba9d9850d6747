import { expect, test } from "vitest";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { paddedWidth, tileTokens } from "./tile-layout.ts";
import { writeKeysF16, writeKeysF32 } from "./write-keys.ts";

const shapes = [
  { headDim: 64, pairs: 32, heads: 2, first: 0, tokens: tileTokens },
  { headDim: 20, pairs: 7, heads: 3, first: 5, tokens: 9 },
  { headDim: 6, pairs: 0, heads: 1, first: tileTokens - 1, tokens: 1 },
];

for (const { name, kernels, put, room, clear, get } of await kernelHarnesses([writeKeysF32, writeKeysF16])) {
  for (const [type, NumberArray] of [
    ["F32", Float32Array],
    ["F16", Float16Array],
  ] as const) {
    test.for(shapes)(`${name}: ${type} keys of $heads heads of $headDim, $tokens from $first`, (shape) => {
      for (const scale of [1, 1e5, 1e-7]) {
        clear();
        const { headDim, pairs, heads, first, tokens } = shape;
        const width = paddedWidth(headDim);
        const columns = heads * headDim;
        const keys = inputs("normal", tokens * columns).map((x) => x * scale);
        const angles = inputs("normal", tokens * pairs, 2);
        const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
        const multipliers = Float32Array.from({ length: columns }, (_, i) => 2 ** -(i % 5));
        const numbers = tileTokens * width;
        const gap = 32;
        const tile = room((numbers + gap) * heads * NumberArray.BYTES_PER_ELEMENT);
        kernels[`writeKeys${type}`]!(
          put(keys),
          columns * 4,
          put(cos),
          put(sin),
          put(multipliers),
          1,
          tile,
          (numbers + gap) * NumberArray.BYTES_PER_ELEMENT,
          first,
          tokens,
          heads,
          headDim,
          pairs,
          width,
          room(width * 4),
        );
        const expected = new NumberArray((numbers + gap) * heads).fill(Number.NaN);
        for (let token = 0; token < tokens; token++) {
          for (let head = 0; head < heads; head++) {
            const row = new Float32Array(width);
            const start = token * columns + head * headDim;
            for (let i = 0; i < headDim; i++) row[i] = keys[start + i]! * multipliers[head * headDim + i]!;
            const before = row.slice();
            for (let pair = 0; pair < pairs; pair++) {
              const [x, y] = [before[pair]!, before[pair + pairs]!];
              const [c, s] = [cos[token * pairs + pair]!, sin[token * pairs + pair]!];
              row[pair] = Math.fround(x * c) - Math.fround(y * s);
              row[pair + pairs] = Math.fround(y * c) + Math.fround(x * s);
            }
            const position = first + token;
            row.forEach((x, channel) => {
              const inTile = (Math.floor(position / 8) * width + channel) * 8 + (position % 8);
              expected[head * (numbers + gap) + inTile] = x;
            });
          }
        }
        expect(get(NumberArray as typeof Float32Array, tile, expected.length)).toEqual(expected);
      }
    });
  }

  test(`${name}: without multipliers keys are as they are`, () => {
    clear();
    const keys = inputs("normal", 32);
    const tile = room(tileTokens * 32 * 4);
    kernels.writeKeysF32!(put(keys), 128, 0, 0, 0, 0, tile, 0, 0, 1, 1, 32, 0, 32, room(128));
    expect(Float32Array.from(keys, (_, i) => get(Float32Array, tile, 256)[i * 8]!)).toEqual(keys);
  });
}
