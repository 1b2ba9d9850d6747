import { expect, test } from "vitest";
import { allTargets } from "../builder/target.ts";
import { inputs, kernelHarnesses, memoryBytes } from "./kernel-harness.ts";
import { packMatrix } from "./linear-harness.ts";
import { linearQ4Row } from "./linear-q4.ts";
import { makePanels } from "./panel-harness.ts";

for (const { name, kernels, put, room, get, memory } of await kernelHarnesses([linearQ4Row], allTargets)) {
  test(`${name}: nothing is read behind the weights, be they at the end of memory; and what is read ahead changes nothing`, () => {
    const [columns, outputs] = [1000, 100]; // three pages of a group, and seven groups
    const weights = packMatrix({ type: "q4", weights: inputs("normal", columns * outputs), outputs, inputs: columns });
    const panel = put(makePanels("int8", [inputs("normal", columns, 2)]));
    const [groups, blocks] = [Math.ceil(outputs / 16), Math.ceil(columns / 32)];
    const start = put(new Float32Array(groups * 16));
    const compute = (address: number): Float32Array => {
      const [y, scratch] = [room(groups * 64), room(64)];
      kernels.linearQ4Row!(address, panel, start, y, groups, blocks, scratch);
      expect(get(Uint8Array, scratch + 4, 60).every((byte) => byte === 0xff)).toBe(true);
      return get(Float32Array, y, groups * 16);
    };
    const anywhere = compute(put(weights));
    const end = memoryBytes - weights.length;
    new Uint8Array(memory.buffer).set(weights, end);
    expect(compute(end)).toEqual(anywhere);
    expect(anywhere.slice(0, outputs).every((sum) => sum !== 0)).toBe(true);
  });
}
