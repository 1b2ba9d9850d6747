import { existsSync, readFileSync } from "node:fs";
import { arch } from "node:process";
import { expect, test, vi } from "vitest";
import { checkCompiles, fastestVariant, hasRelaxedSimd } from "./variants.ts";

// The one file in which Linux names what the processor has.
const processors = "/proc/cpuinfo";
const isKnown = arch === "x64" && existsSync(processors) && hasRelaxedSimd();

test.runIf(isKnown)("dot products of four bytes are used where the processor has them (needs Linux on x64)", () => {
  const hasDots = /^flags\s*:.*\bavx_vnni\b/m.test(readFileSync(processors, "utf8"));
  expect(fastestVariant()).toBe(hasDots ? "relaxed" : "pairs");
});

test("an engine without WebAssembly, as Node with --jitless, is not told of a page's policy", () => {
  vi.stubGlobal("WebAssembly", undefined);
  try {
    expect(checkCompiles).toThrow(/^there is no WebAssembly here; start Node without --jitless/);
  } finally {
    vi.unstubAllGlobals();
  }
  expect(checkCompiles).not.toThrow();
});
