import { expect, test } from "vitest";
import { dequantised, quantiseQ4, quantiseQ8 } from "../../checkpoint/quantise.ts";
import type { WeightType } from "../backend.ts";
import { embedBfloat16, embedFloat16, embedFloat32, embedQ4, embedQ8 } from "./kernels/embed.ts";
import { inputKinds, inputs, kernelHarnesses, normalNumbers } from "./kernels/kernel-harness.ts";
import { packMatrix, roundToBfloat16 } from "./kernels/linear-harness.ts";
import { blocksOf, groupOutputs } from "./layout.ts";
import { packedBlockBytes, packGroup } from "./pack.ts";

const embeds = { f32: embedFloat32, f16: embedFloat16, bf16: embedBfloat16, q8: embedQ8, q4: embedQ4 } as const;
const types = Object.keys(embeds) as WeightType[];

/** The numbers that a type holds instead of these. */
function held(type: WeightType, values: Float32Array, columns: number): Float32Array {
  switch (type) {
    case "f32":
      return values;
    case "f16":
      return Float32Array.from(new Float16Array(values));
    case "bf16":
      return values.map(roundToBfloat16);
    case "q8":
      return dequantised(values, columns, quantiseQ8);
    case "q4":
      return dequantised(values, columns, quantiseQ4);
  }
}

const bitsOf = (numbers: Float32Array): number[] => [...new Int32Array(numbers.slice().buffer)];

for (const { name, kernels, room, get, clear, put } of await kernelHarnesses(Object.values(embeds))) {
  test.for(types)(`${name}: a packed matrix of %s holds what it should, bit for bit`, (type) => {
    const normal = normalNumbers(5);
    for (const [outputs, inputCount] of [
      [1, 1],
      [16, 32],
      [17, 45],
      [40, 100],
    ] as const) {
      for (const kind of [...inputKinds, "subnormal"] as const) {
        const plain = inputs(kind === "subnormal" || kind === "huge" ? "normal" : kind, outputs * inputCount);
        const factor = { huge: 1e4, subnormal: 1e-6 }[kind as string] ?? 1;
        const weights = plain.map((number) => number * factor * (kind === "huge" ? 1 + normal() / 9 : 1));
        clear();
        const blocks = blocksOf(inputCount);
        const packed = put(packMatrix({ type, weights, outputs, inputs: inputCount }));
        const groupBytes = blocks * packedBlockBytes[type];
        const row = room(blocks * 32 * 4);
        const expected = held(type, weights, inputCount);
        for (let output = 0; output < outputs; output++) {
          const group = packed + Math.floor(output / groupOutputs) * groupBytes;
          kernels[embeds[type].name]!(group, output % groupOutputs, row, blocks);
          const got = get(Float32Array, row, blocks * 32);
          expect(bitsOf(got.subarray(0, inputCount))).toEqual(
            bitsOf(expected.subarray(output * inputCount, (output + 1) * inputCount)),
          );
          for (const number of got.subarray(inputCount)) expect(Math.abs(number)).toBe(0);
        }
      }
    }
  });
}

const sizeOf = { f32: 2048, f16: 1024, bf16: 1024, q8: 576, q4: 288 } as const;

/** Packs a group of one block with one number in it. */
function packs(type: WeightType, number: number, place = 0): boolean {
  const values = new Float32Array(groupOutputs * 32);
  values[place] = number;
  return packGroup(type, values, 1, new Uint8Array(sizeOf[type]));
}

test.for(types)("what is not finite is refused in %s, wherever it stands", (type) => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    for (const place of [0, 1, 31, 32, 300, 511]) expect(packs(type, number, place)).toBe(false);
});

test("what a type cannot hold, or whose scale float16 cannot, is refused; the largest that it can is not", () => {
  const largest = (2 - 2 ** -23) * 2 ** 127;
  const most = { f32: largest, bf16: (2 - 2 ** -7) * 2 ** 127, f16: 65504, q8: 65504 * 127, q4: 65504 * 8 };
  const tooMuch = { bf16: largest, f16: 65536, q8: 65536 * 127, q4: 65536 * 8 };
  for (const sign of [1, -1]) {
    for (const [type, number] of Object.entries(most))
      expect([type, packs(type as WeightType, sign * number)]).toEqual([type, true]);
    for (const [type, number] of Object.entries(tooMuch))
      expect([type, packs(type as WeightType, sign * number)]).toEqual([type, false]);
  }
});

test("a group is written at its place and nowhere else", () => {
  for (const type of types) {
    const values = inputs("normal", groupOutputs * 64);
    const target = new Uint8Array(sizeOf[type] * 2 + 32).fill(0xaa);
    expect(packGroup(type, values, 2, target.subarray(16, 16 + sizeOf[type] * 2))).toBe(true);
    const alone = new Uint8Array(sizeOf[type] * 2);
    packGroup(type, values, 2, alone);
    expect(Buffer.compare(target.subarray(16, -16), alone)).toBe(0);
    expect([...target.subarray(0, 16), ...target.subarray(-16)]).toEqual(new Array(32).fill(0xaa));
  }
});
