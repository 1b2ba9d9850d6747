import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { expect, test } from "vitest";
import type { CacheType, MatrixType } from "../../backend.ts";
import { kernelVariants } from "../builder/variant.ts";
import { isSame, loadWideKernels } from "./wide-kernels.ts";
import { canWiden, type ProcessFacts } from "./widening-flags.ts";
import { tracedNames } from "./widening-harness.ts";

const here: ProcessFacts = { arch: "x64", versions: { v8: "14.6.202.34-node.34" }, execArgv: [] };

const matrixTypes: readonly MatrixType[] = ["f32", "f16", "bf16", "q8", "q4", "q4_k", "q6_k"];
const matrices = [...matrixTypes.map((type) => ({ type })), { type: "q4" as const, isFine: true }].map((way, i) => ({
  ...way,
  name: `matrix ${i}`,
  shape: [16, 256],
}));
const caches: readonly { readonly cache: CacheType; readonly headDim: number }[] = [
  { cache: "f32", headDim: 64 },
  { cache: "f16", headDim: 48 },
  { cache: "q8", headDim: 128 },
];

for (const variant of kernelVariants.filter((variant) => variant !== "plain")) {
  test.runIf(canWiden())(
    `${variant}: wide vectors compute the same bits (needs Node 24.5 or newer on x64)`,
    async () => {
      for (const { cache, headDim } of caches)
        expect(await loadWideKernels(variant, matrices, cache, headDim)).toBeDefined();
    },
    60_000,
  );
}

test("a single bit makes a difference", () => {
  const numbers = [Float32Array.of(1, 2), Float32Array.of(0, Number.NaN)];
  expect(isSame(numbers, structuredClone(numbers))).toBe(true);
  expect(isSame(numbers, [numbers[0]!, Float32Array.of(-0, Number.NaN)])).toBe(false);
  expect(isSame(numbers, [Float32Array.of(1, 2 + 2 ** -22), numbers[1]!])).toBe(false);
  expect(isSame(numbers, [...numbers, numbers[0]!])).toBe(false);
  expect(isSame(numbers, [Float32Array.of(1, 2, 3), numbers[1]!])).toBe(false);
});

test.each([
  ["Node on x64", {}, true],
  ["another processor", { arch: "arm64" as const }, false],
  ["an older V8", { versions: { v8: "12.4.254.21-node.57" } }, false],
  ["Electron", { versions: { v8: "14.6.202.34", electron: "40.0.0" } }, false],
  ["Bun, which names a V8 that it does not have", { versions: { v8: "13.6.233.10", bun: "1.3.0" } }, false],
  ["a process with flags of its own", { execArgv: ["--no-wasm-tier-up"] }, false],
  ["a flag written with lines below", { execArgv: ["--wasm_lazy_compilation"] }, false],
  ["a flag of Node's own", { execArgv: ["--experimental-wasm-modules"] }, true],
  ["other flags", { execArgv: ["--max-old-space-size=4096", "--trace-wasm-revectorize"] }, true],
])("vectors are joined or not: %s", (_, facts, expected) => {
  expect(canWiden({ ...here, ...facts })).toBe(expected);
});

test.runIf(canWiden())("V8's flags are afterwards what they were (needs Node 24.5 or newer on x64)", async () => {
  const before = cachedDataVersionTag(); // of V8's version and flags
  const loading = [loadWideKernels("pairs", matrices, "q8", 64), loadWideKernels("pairs", matrices, "f32", 64)];
  await Promise.all(loading);
  expect(cachedDataVersionTag()).toBe(before);
});

test.runIf(canWiden())("what is compiled afterwards is compiled as ever (needs Node 24.5 or newer on x64)", () => {
  const script = fileURLToPath(new URL("./test-widened-trace.ts", import.meta.url));
  const trace = execFileSync(process.execPath, ["--trace-wasm-revectorize", script], { encoding: "utf8" });
  const [during, after, joined] = trace.split(/kernels are loaded|another module is hot/);
  // A function that the exercise does not call is compiled later, with 128 bits: these are called at the depths of some texts only.
  const names = tracedNames(during!, "relaxed");
  expect(names).toEqual(expect.arrayContaining(["linearQ4Row", "quantiseKeys", "quantiseValues", "mergeStates"]));
  expect(after).not.toContain("Begin revec");
  expect(joined).toContain("Begin revec"); // the other module is one that shows it
});
