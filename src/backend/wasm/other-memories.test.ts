import { expect, test } from "vitest";
import { assembleText } from "./builder/assemble.ts";
import { defineKernel } from "./builder/kernel.ts";
import { i32 } from "./builder/values.ts";
import { operationHarnesses } from "./kernels/kernel-harness.ts";
import { bridgeBytes, deskBytes, hasSeveralMemories, OtherMemories, reservedBytes } from "./other-memories.ts";

const count = defineKernel("count", { at: "address" }, (code, { at }) =>
  code.storeI32(at, i32.add(code.loadI32(at), i32.const(1))),
);

test("the module that copies from memory to memory is what its comment says", async () => {
  const text = `(module
    (import "engine" "working" (memory 1 65536 shared))
    (import "engine" "other" (memory 1 65536 shared))
    (func (export "bring") (param i32 i32 i32)
      (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "put") (param i32 i32 i32)
      (memory.copy 1 0 (local.get 0) (local.get 1) (local.get 2))))`;
  expect([...bridgeBytes]).toEqual([...(await assembleText(text))]);
  expect(hasSeveralMemories()).toBe(true); // the engines that the tests run in
});

test("bytes go from memory to memory and back, and kernels compute where an address says", async () => {
  const harness = (await operationHarnesses([count])).at(-1)!;
  const { others } = harness.thread(0);
  const numbers = Int32Array.from({ length: 100 }, (_, i) => i * i);
  const [here, there] = [harness.put(numbers), harness.lasting.room(400)];
  expect(others.at(here)).toBeUndefined();
  const other = others.at(there)!;
  expect(others.at(there + 399)).toBe(other);
  other.put(there, here, 400);
  expect(harness.lasting.get(Int32Array, there, 100)).toEqual(numbers);
  other.kernels.count!(there + 8);
  const back = harness.room(400);
  other.bring(back, there, 400);
  expect([...harness.get(Int32Array, back, 4)]).toEqual([0, 1, 5, 9]);
  expect(harness.get(Int32Array, here, 100)).toEqual(numbers);
});

test("every thread has a desk of its own in each, and nothing that is handed out is on one", () => {
  const memories = Array.from(
    { length: 3 },
    () => new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }),
  );
  const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)); // without kernels
  const desks = [0, 1, 2].map((index) => new OtherMemories({ module, memories, index }).at(2 ** 33)!.desk);
  expect(desks.every((desk, i) => desk > 0 && (i === 0 || desk - desks[i - 1]! >= deskBytes))).toBe(true);
  expect(desks.at(-1)! + deskBytes).toBeLessThanOrEqual(reservedBytes(3));
});
