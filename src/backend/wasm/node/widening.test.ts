import { expect, test } from "vitest";
import { kernelVariants } from "../builder/variant.ts";
import { traceWidening, type Widening } from "./widening-harness.ts";

/** Functions, by the beginnings of their names, in which every vector that is stored must be half of a wide one. */
const wide = ["linear", "expand", "scores", "weightedValues", "quantise", "dequantise", "mergeStates", "gatedSilu"];

for (const variant of kernelVariants.filter((variant) => variant !== "plain")) {
  test(`${variant}: V8 makes vectors of 256 bits of all pairs that kernels store`, async ({ skip }) => {
    const widenings = await traceWidening(variant);
    if (!widenings) return skip("this engine has no pass that widens vectors, or not for this processor");
    for (const beginning of wide) {
      const found = [...widenings].filter(([name]) => name.startsWith(beginning));
      expect(found.length, `functions ${beginning}...`).toBeGreaterThan(0);
      expect(found.filter(([, widening]) => !isWide(widening))).toEqual([]);
    }
  });
}

function isWide({ pairs, failedPairs, instructions, stores }: Widening): boolean {
  return failedPairs === 0 && instructions > 0 && 2 * pairs >= stores;
}
