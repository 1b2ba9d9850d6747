import { expect, test } from "vitest";
import { groupOutputs } from "../layout.ts";
import { harnessBytes, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { packMatrix, wholeInputs } from "./linear-harness.ts";
import { linearQ4Row } from "./linear-q4.ts";
import { linearQ4KRow } from "./linear-q4-k.ts";
import { linearQ6KRow } from "./linear-q6-k.ts";
import { linearQ8Row } from "./linear-q8.ts";
import { makePanels } from "./panel-harness.ts";

const kinds = [
  { type: "q4", panelType: "shared", kernel: linearQ4Row },
  { type: "q8", panelType: "int14", kernel: linearQ8Row }, // sums in y
  { type: "q4_k", panelType: "shared", kernel: linearQ4KRow }, // headers
  { type: "q6_k", panelType: "int15", kernel: linearQ6KRow },
] as const;

const kernels = kinds.map(({ kernel }) => kernel);

for (const harness of await kernelHarnesses(kernels)) {
  const { put, room, get, memory } = harness;

  test.for(kinds)(
    `${harness.name}: nothing is read behind the weights of $type, be they at the end of memory; and how they are read changes nothing`,
    ({ type, panelType, kernel }) => {
      harness.clear();
      const [columns, outputs] = [wholeInputs(type, 1000), 100]; // pages of a group, and seven groups
      const weights = packMatrix({ type, weights: inputs("normal", columns * outputs), outputs, inputs: columns });
      const panel = put(makePanels(panelType, [inputs("normal", columns, 2)]));
      const [all, blocks] = [Math.ceil(outputs / groupOutputs), Math.ceil(columns / 32)];
      const start = put(inputs("normal", all * groupOutputs, 3));
      const groupBytes = weights.length / all;
      const compute = (address: number, first: number, groups: number): Float32Array => {
        const [y, scratch] = [room(groups * 64 + 64), room(128)];
        const from = [address + first * groupBytes, panel, start + first * 64] as const;
        harness.kernels[kernel.name]!(...from, y, groups, blocks, scratch);
        for (const end of [y + groups * 64, scratch + 64])
          expect(get(Uint8Array, end, 64).every((byte) => byte === 0xff)).toBe(true);
        return get(Float32Array, y, groups * groupOutputs);
      };
      const anywhere = put(weights);
      const whole = compute(anywhere, 0, all);
      expect(whole.slice(0, outputs).every((sum) => sum !== 0)).toBe(true);
      const oneByOne = Array.from({ length: all }, (_, group) => [...compute(anywhere, group, 1)]);
      expect([...whole]).toEqual(oneByOne.flat());
      const end = harnessBytes - weights.length;
      new Uint8Array(memory.buffer).set(weights, end);
      for (let first = 0; first < all; first++)
        expect(compute(end, first, all - first)).toEqual(whole.slice(first * groupOutputs));
    },
  );
}
