import ora from "ora";
import { afterEach, expect, test, vi } from "vitest";
import { createProgressLine } from "./progress.ts";

vi.mock(import("ora"), async (load) => {
  const real = await load();
  return { ...real, default: vi.fn(() => ({ start: () => ({ stop: () => {} }) })) as unknown as typeof real.default };
});

const names = ["isTTY", "columns", "getColorDepth"] as const;
const own = names.map((name) => Object.getOwnPropertyDescriptor(process.stderr, name));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  for (const [i, name] of names.entries()) {
    if (own[i]) Object.defineProperty(process.stderr, name, own[i]);
    else Reflect.deleteProperty(process.stderr, name);
  }
});

/** A terminal of that many bits of colour. */
function pretendTerminal(depth = 1): void {
  for (const [name, value] of Object.entries({ isTTY: true, columns: 80, getColorDepth: () => depth }))
    Object.defineProperty(process.stderr, name, { value, configurable: true });
}

test.each([
  [1, false],
  [8, "cyan"],
])("a terminal with colours of %s bits has a wheel of colour %s", (depth, color) => {
  vi.useFakeTimers();
  vi.stubEnv("FORCE_COLOR", undefined);
  pretendTerminal(depth);
  const progress = createProgressLine();
  progress.update("Loading", 1, 2, "bytes");
  vi.runAllTimers();
  progress.clear();
  expect(ora).toHaveBeenLastCalledWith(expect.objectContaining({ color }));
});

test("bytes are counted in the unit in which is said what came of them", () => {
  vi.useFakeTimers();
  pretendTerminal();
  const progress = createProgressLine();
  progress.update("Writing", 2 ** 20, 3 * 2 ** 20, "bytes");
  vi.runAllTimers();
  progress.clear();
  expect(ora).toHaveBeenLastCalledWith(expect.objectContaining({ text: expect.stringMatching(/ 1\.0 of 3\.0 MiB$/) }));
});
