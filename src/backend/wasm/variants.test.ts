import { existsSync, readFileSync } from "node:fs";
import { arch } from "node:process";
import { expect, test } from "vitest";
import { fastestVariant, hasRelaxedSimd } from "./variants.ts";

// The one file in which Linux names what the processor has.
const processors = "/proc/cpuinfo";
const isKnown = arch === "x64" && existsSync(processors) && hasRelaxedSimd();

test.runIf(isKnown)("dot products of four bytes are used where the processor has them (needs Linux on x64)", () => {
  const hasDots = /^flags\s*:.*\bavx_vnni\b/m.test(readFileSync(processors, "utf8"));
  expect(fastestVariant()).toBe(hasDots ? "relaxed" : "pairs");
});
