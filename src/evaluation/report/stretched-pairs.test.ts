import { expect, test } from "vitest";
import type { Subject } from "../result.ts";
import { stretchedPairs } from "./stretched-pairs.ts";

// Qwen2-7B-Instruct.
const subject: Subject = {
  ...({ kind: "model", name: "", nativeWindow: 32_768, originalWindow: 32_768 } as const),
  rotary: { headDim: 128, ropeTheta: 1e6 },
};

test("YaRN keeps fast pairs, stretches slow ones by the factor, and the rest by less", () => {
  const pairs = stretchedPairs(subject, "yarn", 4)!;
  expect(pairs.map(({ pair }) => pair)).toEqual(Array.from({ length: 64 }, (_, pair) => pair));
  for (const { before, after, kind } of pairs) {
    const stretch = after / before;
    if (kind === "kept") expect(stretch).toBe(1);
    else if (kind === "interpolated") expect(stretch).toBeCloseTo(4, 5);
    else expect(stretch > 1 && stretch < 4).toBe(true);
  }
  expect(pairs[0]!.before).toBeCloseTo(2 * Math.PI, 5);
  expect(pairs[63]!.before).toBeCloseTo(2 * Math.PI * 1e6 ** (126 / 128), -1);
  const count = (wanted: string): number => pairs.filter(({ kind }) => kind === wanted).length;
  expect([count("kept"), count("blended"), count("interpolated")]).toEqual([24, 16, 24]);
});

test("position interpolation stretches all pairs alike; NTK the slow ones more", () => {
  for (const { before, after } of stretchedPairs(subject, "linear", 2)!) expect(after / before).toBeCloseTo(2, 5);
  const stretches = stretchedPairs(subject, "dynamic", 2)!.map(({ before, after }) => after / before);
  expect(stretches[0]).toBe(1);
  expect(stretches).toEqual(stretches.toSorted((a, b) => a - b));
});
