import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// Tests start some thousand processes and workers, which would each strip and compile the same sources. What measures the start of an installed
// package has an environment of its own.
process.env.NODE_COMPILE_CACHE ??= resolve("node_modules/.cache/skein/compiled");

/** What measures time: one file after another, with the machine to itself. */
const timed = ["test/threads.test.ts", "test/generate.test.ts"];
/** Builds as `test/browser.test.ts` does, installs, and measures too. */
const packaged = ["test/package.test.ts"];

const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // No test leaves anything in the caches of whoever runs it, or asks the Hub.
    env: { SKEIN_CACHE_LIMIT: "0", HF_HUB_CACHE: join(tmpdir(), "skein-tests-no-hub"), HF_HUB_OFFLINE: "1" },
    projects: [
      {
        extends: true,
        test: {
          name: "skein",
          include: ["src/**/*.test.ts", "bench/*.test.ts", "bench/peers/*.test.ts", "test/**/*.test.ts"],
          exclude: [...timed, ...packaged],
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "timed", include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: "package", include: packaged, maxWorkers: 1, hookTimeout: 180_000, sequence: { groupOrder: 2 } },
      },
    ],
  },
});

export default config;
