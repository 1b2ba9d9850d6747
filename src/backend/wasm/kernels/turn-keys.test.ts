import { expect, test } from "vitest";
import { inputs, kernelHarnesses } from "./kernel-harness.ts";
import { tileTokens } from "./tile-layout.ts";
import { turnKeys } from "./turn-keys.ts";

for (const { name, kernels, put, get, clear } of await kernelHarnesses([turnKeys])) {
  test.for([
    { width: 64, pairs: 32, tokens: tileTokens },
    { width: 32, pairs: 7, tokens: 61 },
    { width: 16, pairs: 0, tokens: 5 },
    { width: 16, pairs: 8, tokens: 0 },
  ])(`${name}: the first $tokens keys turn, $pairs pairs of each`, ({ width, pairs, tokens }) => {
    clear();
    const keys = inputs("normal", tileTokens * width);
    const angles = inputs("normal", tokens * pairs, 2);
    const [cos, sin] = [angles.map((x) => 1.2 * Math.cos(x)), angles.map((x) => 1.2 * Math.sin(x))];
    const address = put(keys);
    kernels.turnKeys!(address, put(cos), put(sin), tokens, pairs, width);
    const expected = keys.slice();
    for (let token = 0; token < tokens; token++) {
      for (let pair = 0; pair < pairs; pair++) {
        const at = (channel: number) => (Math.floor(token / 8) * width + channel) * 8 + (token % 8);
        const [x, y] = [keys[at(pair)]!, keys[at(pair + pairs)]!];
        const [c, s] = [cos[token * pairs + pair]!, sin[token * pairs + pair]!];
        expected[at(pair)] = Math.fround(x * c) - Math.fround(y * s);
        expected[at(pair + pairs)] = Math.fround(y * c) + Math.fround(x * s);
      }
    }
    expect(get(Float32Array, address, keys.length)).toEqual(expected);
  });
}
