import { expect, test } from "vitest";
import { blockInputs, groupOutputs } from "../layout.ts";
import { embedBfloat16, embedFloat16, embedFloat32, embedQ4, embedQ8 } from "./embed.ts";
import { type KernelHarness, kernelHarnesses } from "./kernel-harness.ts";

const embeds = [embedFloat32, embedFloat16, embedBfloat16, embedQ8, embedQ4];
type Weights = Parameters<KernelHarness["put"]>[0];

/** Every number that float16 has: 16 rows of 4096. */
const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
const finite = (bits: number) => ((bits & 0x7c00) === 0x7c00 ? 0 : bits);
const finiteBfloat16 = (bits: number) => ((bits & 0x7f80) === 0x7f80 ? 0 : bits);

/** Bit for bit; quicker than `toEqual`. */
function expectSame(got: readonly Float32Array[], expected: readonly Float32Array[]): void {
  for (const [row, numbers] of expected.entries()) {
    const [a, b] = [new Int32Array(got[row]!.buffer), new Int32Array(numbers.buffer)];
    const first = b.findIndex((bits, i) => a[i] !== bits);
    expect([row, first, got[row]![first]]).toEqual([row, -1, undefined]);
  }
}

for (const harness of await kernelHarnesses(embeds)) {
  const { name, kernels, room, get, clear, put } = harness;

  /** All rows of one group. */
  const embedded = (kernel: { readonly name: string }, weights: Weights, blocks: number): Float32Array[] => {
    clear();
    const address = put(weights);
    const length = blocks * blockInputs;
    return Array.from({ length: groupOutputs }, (_, lane) => {
      const to = room(length * 4 + 64);
      kernels[kernel.name]!(address, lane, to, blocks);
      expect(get(Uint8Array, to + length * 4, 64).every((byte) => byte === 0xff)).toBe(true);
      return get(Float32Array, to, length);
    });
  };

  /** The rows of a group that is laid out [inputs][16]. */
  const transposed = (numbers: Float32Array): Float32Array[] =>
    Array.from({ length: groupOutputs }, (_, lane) => numbers.filter((_, i) => i % groupOutputs === lane));

  test(`${name}: rows of floating point come as they are: all of float16's finite numbers, and any bits`, () => {
    const numbers = halves.map(finite);
    expectSame(embedded(embedFloat16, numbers, 128), transposed(Float32Array.from(new Float16Array(numbers.buffer))));

    const bfloats = halves.map(finiteBfloat16);
    const numbers32 = new Float32Array(Int32Array.from(bfloats, (bits) => bits << 16).buffer);
    expectSame(embedded(embedBfloat16, bfloats, 128), transposed(numbers32));
    expectSame(embedded(embedFloat32, numbers32, 128), transposed(numbers32));
  });

  test(`${name}: rows of 8 bits are scale times integer, with scales of all sizes and every integer`, () => {
    const blocks = 128; // with 16 scales each
    const group = new Uint8Array(blocks * 576);
    const view = new DataView(group.buffer);
    const scaleOf = (block: number, lane: number) => finite((block * 16 + lane) * 32 + (block % 32));
    const integerOf = (block: number, lane: number, input: number) =>
      ((block * 37 + lane * 11 + input * 5) % 255) - 127;
    for (let block = 0; block < blocks; block++) {
      for (let lane = 0; lane < 16; lane++) {
        view.setUint16(block * 576 + lane * 2, scaleOf(block, lane), true);
        for (let i = 0; i < 32; i++)
          view.setInt8(block * 576 + 64 + (i >> 2) * 64 + lane * 4 + (i & 3), integerOf(block, lane, i));
      }
    }
    checkScaled(embedded(embedQ8, group, blocks), scaleOf, integerOf);
  });

  test(`${name}: rows of 4 bits are scale times integer, with scales of all sizes and every integer`, () => {
    const blocks = 128;
    const group = new Uint8Array(blocks * 288);
    const view = new DataView(group.buffer);
    const scaleOf = (block: number, lane: number) => finite((block * 16 + lane) * 32 + (block % 32));
    const integerOf = (block: number, lane: number, input: number) => ((block * 7 + lane * 3 + input) % 16) - 8;
    for (let block = 0; block < blocks; block++) {
      for (let lane = 0; lane < 16; lane++) {
        view.setUint16(block * 288 + lane * 2, scaleOf(block, lane), true);
        for (let i = 0; i < 32; i++) {
          const at = block * 288 + 32 + (i >> 3) * 64 + lane * 4 + (i & 3);
          group[at]! |= (integerOf(block, lane, i) + 8) << (i & 4);
        }
      }
    }
    checkScaled(embedded(embedQ4, group, blocks), scaleOf, integerOf);
  });
}

/** float16 times an integer of 8 bits is a float32, exactly. */
function checkScaled(
  rows: readonly Float32Array[],
  scaleOf: (block: number, lane: number) => number,
  integerOf: (block: number, lane: number, input: number) => number,
): void {
  const bits = new Uint16Array(1);
  const scale = new Float16Array(bits.buffer);
  const expected = rows.map((row, lane) =>
    Float32Array.from(row, (_, i) => {
      const block = Math.floor(i / blockInputs);
      bits[0] = scaleOf(block, lane);
      return scale[0]! * integerOf(block, lane, i % blockInputs);
    }),
  );
  expectSame(rows, expected);
}
