import { expect, test } from "vitest";
import { allTargets } from "../builder/target.ts";
import { traceWidening, type Widening } from "./widening-harness.ts";

/** Functions, by the beginnings of their names, in which every vector that is stored must be half of a wide one. */
const wide = ["linear", "expand", "scores", "weightedValues", "quantise", "dequantise", "mergeStates", "gatedSilu"];

/** Functions that read or write 64-bit memory themselves, where nothing is joined. */
const readsFar = /^(linear\w+Row|quantise\w+|dequantiseKeys)$/;

for (const { variant, address } of allTargets.filter(({ variant }) => variant !== "plain")) {
  test(`${variant}, ${address}: V8 makes vectors of 256 bits of all pairs that kernels store`, async ({ skip }) => {
    const widenings = await traceWidening({ variant, address });
    if (!widenings) return skip("this engine has no pass that widens vectors, or not for this processor");
    for (const beginning of wide) {
      const found = [...widenings].filter(([name]) => name.startsWith(beginning));
      expect(found.length, `functions ${beginning}...`).toBeGreaterThan(0);
      expect(found.filter(([name, { isChecked }]) => isChecked && !readsFar.test(name))).toEqual([]);
      expect(found.filter(([, widening]) => !widening.isChecked && !isWide(widening))).toEqual([]);
    }
  });
}

function isWide({ pairs, failedPairs, instructions, stores }: Widening): boolean {
  return failedPairs === 0 && instructions > 0 && 2 * pairs >= stores;
}
