import { expect, test } from "vitest";
import { SkeinError } from "../../errors.ts";
import type { WeightSpec } from "../backend.ts";
import { memoryOf, placeOf } from "./layout.ts";
import { Memories } from "./memories.ts";
import { WasmWeightSpace } from "./weight-space.ts";

const mebibyte = 2 ** 20;

/** Three memories of 4 MiB for what lasts, besides the working one. */
function several(): Memories {
  return new Memories({ others: 3, reserved: mebibyte, most: 5 * mebibyte });
}

test("one memory is used for all", () => {
  const memories = new Memories({ others: 0, reserved: mebibyte });
  const address = memories.allocate(100);
  expect([memoryOf(address), address < mebibyte]).toEqual([0, true]);
  expect(memories.at(address)).toBe(memories.working);
});

test("what lasts lies in the others, whole, behind what is reserved; freed pieces are used again", () => {
  const memories = several();
  const pieces = Array.from({ length: 6 }, () => memories.allocate(1.5 * mebibyte)); // two in each
  expect(pieces.map(memoryOf)).toEqual([1, 1, 2, 2, 3, 3]);
  for (const piece of pieces) expect(placeOf(piece)).toBeGreaterThanOrEqual(mebibyte);
  for (const [i, piece] of pieces.entries()) memories.bytes(piece, 1.5 * mebibyte).fill(i);
  for (const [i, piece] of pieces.entries()) {
    const bytes = memories.bytes(piece, 1.5 * mebibyte);
    expect([bytes[0], bytes.at(-1)]).toEqual([i, i]);
  }
  expect(memoryOf(memories.allocate(mebibyte))).toBe(1); // what is left of the first
  memories.free(pieces[2]!, 1.5 * mebibyte);
  expect(memories.allocate(1.5 * mebibyte)).toBe(pieces[2]);
});

test("what has its place in the working memory lies there first; what steps have taken of it counts", () => {
  const memories = new Memories({ others: 3, workingEnd: 4 * mebibyte, reserved: mebibyte, most: 5 * mebibyte });
  const [first, second] = [memories.allocate(1.5 * mebibyte), memories.allocate(2 * mebibyte)];
  expect([first, second].map(memoryOf)).toEqual([0, 0]);
  expect(memoryOf(memories.allocate(mebibyte))).toBe(1);
  expect(memoryOf(memories.allocate(0.25 * mebibyte))).toBe(0); // what is left
  const step = memories.working.allocate(3 * mebibyte);
  expect(step + 3 * mebibyte).toBeGreaterThan(4 * mebibyte); // steps may reach further
  memories.free(first, 1.5 * mebibyte);
  memories.working.free(step, 3 * mebibyte);
  expect(memoryOf(memories.allocate(2 * mebibyte))).toBe(1); // neither the gap nor what ends behind 4 MiB will do
  expect(memories.allocate(1.5 * mebibyte)).toBe(first);
});

test("what no memory has room for is an error that says how much there would be, and nothing is lost", () => {
  const memories = several();
  const used = Array.from({ length: 3 }, () => memories.allocate(3 * mebibyte));
  const error: unknown = (() => {
    try {
      memories.allocate(2 * mebibyte);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(SkeinError);
  expect((error as SkeinError).code).toBe("out_of_memory");
  expect((error as SkeinError).message).toMatch(/^no memory: 2 MiB were needed .* in one piece/);
  memories.free(used[1]!, 3 * mebibyte);
  expect(memories.allocate(2 * mebibyte)).toBe(used[1]);
});

test("weights: vectors in the working memory, matrices in the others; all is given back, also when there is no room", () => {
  const memories = several();
  const matrix = (name: string): WeightSpec => ({ name, shape: [512, 1024], type: "f32" }); // 2 MiB
  const vector = (name: string): WeightSpec => ({ name, shape: [1000], type: "f32" });
  const specs = [matrix("a"), vector("b"), matrix("c"), matrix("d"), vector("e")];
  const run = async () => new Float64Array();
  const space = new WasmWeightSpace(memories, run, specs);
  expect(space.weights.map(({ address }) => memoryOf(address))).toEqual([1, 0, 1, 2, 0]);
  // Vectors first, then matrices; what lies side by side in one memory is one part.
  expect(space.packed.parts.map(({ length }) => length)).toEqual([2 * 4096, 4 * mebibyte, 2 * mebibyte]);
  expect(() => new WasmWeightSpace(memories, run, [...specs, ...specs])).toThrow(SkeinError);
  space.free();
  const again = new WasmWeightSpace(memories, run, specs);
  expect(again.weights.map(({ address }) => address)).toEqual(space.weights.map(({ address }) => address));
});
