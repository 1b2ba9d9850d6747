import { expect, test } from "vitest";
import { defineKernel } from "../builder/kernel.ts";
import { type Load, loadBfloat16, loadFloat16 } from "./float16.ts";
import { kernelHarnesses } from "./kernel-harness.ts";

function widening(load: Load) {
  return defineKernel(load.name, { from: "address", to: "address", vectors: "i32" }, (code, { from, to, vectors }) => {
    const [source, target] = [code.local("address", from), code.local("address", to)];
    code.repeat(vectors, () => {
      code.store(target, load(code, source, 8));
      code.advance(source, 8);
      code.advance(target, 16);
    });
  });
}
const [widenFloat16s, widenBfloat16s] = [widening(loadFloat16), widening(loadBfloat16)];

const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);

function firstDifference(got: Int32Array, expected: Int32Array): number {
  expect(got.length).toBe(expected.length);
  return expected.findIndex((bits, i) => got[i] !== bits);
}

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([widenFloat16s, widenBfloat16s])) {
  const widened = (kernel: string) => {
    clear();
    const to = room(65536 * 4);
    kernels[kernel]!(put(patterns) - 8, to, 65536 / 4);
    return get(Int32Array, to, 65536);
  };

  test(`${name}: every finite float16 is widened exactly, with its sign`, () => {
    const expected = new Int32Array(Float32Array.from(new Float16Array(patterns.buffer)).buffer);
    const ofFinite = (_: number, i: number) => (i & 0x7c00) !== 0x7c00;
    expect(firstDifference(widened(widenFloat16s.name).filter(ofFinite), expected.filter(ofFinite))).toBe(-1);
  });

  test(`${name}: every bfloat16 is the upper half of its float32`, () => {
    const expected = Int32Array.from(patterns, (bits) => bits << 16);
    expect(firstDifference(widened(widenBfloat16s.name), expected)).toBe(-1);
  });
}
