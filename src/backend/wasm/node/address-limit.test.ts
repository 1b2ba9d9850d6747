import { spawnSync } from "node:child_process";
import { platform } from "node:process";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const script = fileURLToPath(new URL("./test-address-limit.ts", import.meta.url));

/** Rows 0 and 1 of [[0, …, 31], [32, …, 63]] times row 1. */
const expected = [0, 1]
  .map((row) => Array.from({ length: 32 }, (_, i) => (row * 32 + i) * (32 + i)).reduce((a, b) => a + b))
  .join(" ");

// Node takes types out of sources in a memory of its own, for which the limit may leave no room; what it has once done in the tests it keeps.
beforeAll(() => {
  spawnSync(process.execPath, [script]);
});

test.runIf(platform === "linux").for([45, 100])(
  "a process that may have %i GB of addresses gets fewer memories, and computes (needs Linux)",
  (gigabytes) => {
    const command = `ulimit -v ${gigabytes * 1e6}; exec "$0" "$1"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", command, process.execPath, script], { encoding: "utf8" });
    expect(stdout.trim(), stderr).toBe(expected);
  },
);
