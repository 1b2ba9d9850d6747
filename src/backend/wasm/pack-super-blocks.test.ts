import { expect, test } from "vitest";
import { blockTypes } from "../../checkpoint/gguf/block-types.ts";
import { superBlockBytes } from "../../checkpoint/gguf/blocks-k.ts";
import { createRandom } from "../../sampling/random.ts";
import { embedQ4K, embedQ6K } from "./kernels/embed-super-blocks.ts";
import { kernelHarnesses, normalNumbers } from "./kernels/kernel-harness.ts";
import { quantiseSuperBlocks } from "./kernels/super-block-harness.ts";
import { groupOutputs } from "./layout.ts";
import { packedSuperBlockBytes, packSuperBlocks } from "./pack-super-blocks.ts";

const kinds = [
  { type: "q4_k", name: "Q4_K", embed: embedQ4K, halves: [0, 2] },
  { type: "q6_k", name: "Q6_K", embed: embedQ6K, halves: [208] },
] as const;
type Kind = (typeof kinds)[number];

/** Super-blocks of random bytes; every float16 is finite, of either sign, some subnormal. */
function randomSuperBlocks({ type, halves }: Kind, count: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const bytes = Uint8Array.from({ length: count * superBlockBytes[type] }, () => Math.floor(random.next() * 256));
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < count; block++)
    for (const half of halves)
      view.setFloat16(block * superBlockBytes[type] + half, (random.next() - 0.5) * 10 ** ((block % 8) - 6), true);
  return bytes;
}

function packed({ type }: Kind, bytes: Uint8Array, count: number): Uint8Array {
  const target = new Uint8Array(count * packedSuperBlockBytes[type] + 32).fill(0xaa);
  const inside = target.subarray(16, -16);
  expect(packSuperBlocks(type, bytes, count, inside)).toBe(true);
  expect([...target.subarray(0, 16), ...target.subarray(-16)]).toEqual(Array(32).fill(0xaa));
  return inside.slice();
}

test.for(kinds)("the blocks that tests of $type are made of are ggml's", ({ type, name }) => {
  const normal = normalNumbers(3);
  const row = Float32Array.from({ length: 512 }, (_, i) => normal() * (1 + (i >> 5)));
  const { bytes, run, scales, minima, integers } = quantiseSuperBlocks(type, row);
  const out = new Float32Array(512);
  const { dequantise } = [...blockTypes.values()].find((of) => of.name === name)!;
  const view = new DataView(bytes.buffer);
  for (const block of [0, 1]) dequantise(view, block * superBlockBytes[type], out, block * 256);
  const number = (i: number) => scales[Math.floor(i / run)]! * integers[i]! - minima[Math.floor(i / run)]!;
  expect([...out]).toEqual(Array.from(out, (_, i) => Math.fround(number(i))));
  // They are near what was to be quantised: a step of four bits of the part's range, one of six of the largest.
  const error = out.map((value, i) => Math.abs(value - row[i]!) / (1 + (i >> 5)));
  expect(Math.max(...error)).toBeLessThan(type === "q4_k" ? 0.5 : 0.1);
});

for (const { name, kernels, room, get, clear, put } of await kernelHarnesses([embedQ4K, embedQ6K])) {
  test.for(kinds)(`${name}: a packed matrix of $type has the numbers of its super-blocks, bit for bit`, (kind) => {
    const { dequantise } = [...blockTypes.values()].find((of) => of.name === kind.name)!;
    for (const count of [1, 2, 5]) {
      clear();
      const bytes = randomSuperBlocks(kind, groupOutputs * count, count);
      const view = new DataView(bytes.buffer);
      const group = put(packed(kind, bytes, count));
      for (let lane = 0; lane < groupOutputs; lane++) {
        const to = room(count * 1024 + 64);
        kernels[kind.embed.name]!(group, lane, to, count * 8);
        expect(get(Uint8Array, to + count * 1024, 64).every((byte) => byte === 0xff)).toBe(true);
        const expected = new Float32Array(count * 256);
        for (let block = 0; block < count; block++)
          dequantise(view, (lane * count + block) * superBlockBytes[kind.type], expected, block * 256);
        expect([...get(Float32Array, to, count * 256)]).toEqual([...expected]);
      }
    }
  });
}

test.for(kinds)("a scale of $type that is not finite is refused, whichever it is", (kind) => {
  for (const half of kind.halves) {
    for (const bits of [0x7c00, 0xfc00, 0x7e01]) {
      const bytes = randomSuperBlocks(kind, groupOutputs * 2, 1);
      new DataView(bytes.buffer).setUint16(21 * superBlockBytes[kind.type] + half, bits, true);
      expect(packSuperBlocks(kind.type, bytes, 2, new Uint8Array(packedSuperBlockBytes[kind.type] * 2))).toBe(false);
    }
  }
});
