import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import stringWidth from "string-width";
import { afterEach, expect, test, vi } from "vitest";
import { compareEvaluations } from "../evaluation/compare.ts";
import { parseEvaluation } from "../evaluation/read-result.ts";
import type { Cell, EvaluationResult } from "../evaluation/result.ts";
import { answers, makeResult } from "../evaluation/test-result.ts";
import { SkeinError } from "../index.ts";
import { renderComparison } from "./evaluate-compare.ts";
import { renderEvaluation } from "./evaluate-terminal.ts";

const methods = ["none", "linear", "ntk", "yarn-static", "yarn-dynamic", "yarn-continuous"];

/** Everything that there is to show, of six methods at four lengths. */
function everything(): EvaluationResult {
  const made = methods.flatMap((method, rank) =>
    [128, 256, 512, 1024].map((length, i) => ({
      ...{ method, length, scores: answers(60 - 10 * rank * i, 60) },
      logprobs: [-3 - rank / 10, -3.1, -3.2],
    })),
  );
  const others = methods.slice(3).flatMap((method): Cell[] => {
    const identity = { method, factor: 4, length: 1024, samples: 5 } as const;
    const tasks = ["growth-recompute", "growth-rerotate", "steps", "cache-q8"];
    return [
      ...tasks.map((task) => ({
        ...{
          ...identity,
          suite: "consistency" as const,
          task,
          divergence: 0.0123,
          divergenceInterval: [0.01, 0.02] as const,
        },
        ...{
          agreement: 0.97,
          perplexity: 24.1,
          exactPerplexity: 23.9,
          perplexityRatio: 24.1 / 23.9,
          ratioInterval: [1, 1.02] as const,
          seconds: 0.5,
          exactSeconds: 1.5,
        },
      })),
      { ...identity, suite: "speed", task: "speed", prefillRate: 15000, decodeRate: 300.5, cacheBytes: 2 ** 21 },
    ];
  });
  const result = makeResult(made);
  const omitted = [{ suite: "retrieval", task: "vt", length: 128 }] as const;
  return { ...result, cells: [...result.cells, ...others], omitted };
}

afterEach(() => {
  vi.unstubAllEnvs();
});

const shown = (["en", "zh"] as const).flatMap((language) => [60, 80, 140].map((width) => ({ language, width })));

test.each(shown)("nothing is wider than $width columns, and colour adds nothing but colour: $language", (options) => {
  const result = everything();
  const pictures = [
    (): string => renderEvaluation(result, options),
    (): string => renderComparison(compareEvaluations(result, result), options),
  ];
  for (const render of pictures) {
    vi.stubEnv("FORCE_COLOR", "0");
    const plain = render();
    expect(plain).not.toContain("\u001b");
    expect(plain).not.toMatch(/NaN|undefined|Infinity/);
    // Names of methods and numbers are not broken: they may stand out.
    for (const line of plain.split("\n")) expect(stringWidth(line), line).toBeLessThanOrEqual(options.width);
    vi.stubEnv("FORCE_COLOR", "1");
    const coloured = render();
    expect(coloured).toContain("\u001b[");
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  }
});

test("a map says in numbers and shades what is right where; curves have a mark for each method", () => {
  vi.stubEnv("FORCE_COLOR", "0");
  const made = ["none", "yarn-static"].flatMap((method) => [
    { method, length: 256, scores: answers(20, 20), logprobs: [-3, -3] },
    {
      method,
      length: 1024,
      scores: answers(method === "none" ? 5 : 20, 20),
      logprobs: method === "none" ? [-5, -5] : [-3, -3],
    },
  ]);
  const text = renderEvaluation(makeResult(made), { language: "en", width: 80 });
  expect(text).toMatch(/none\n +0% +10% .*90%\n +256( ██100){10}\n +─+\n +1024( ▒▒ 50){5}( {5}0){5}\n/);
  expect(text).toMatch(/148 ┤o{18}o+\n/); // exp(5), over the whole width
  expect(text).toMatch(/20\.1 ┤x{18}x+\n/);
  expect(text).toMatch(/^ +0 +256 +1024$/m);
  expect(text).toContain("o none   x yarn-static ×4");
});

test("says how many samples the cells have, of which speed takes fewer than were asked for", () => {
  vi.stubEnv("FORCE_COLOR", "0");
  const options = { language: "en", width: 140 } as const;
  const measured = { method: "none", factor: 1, length: 128, samples: 5 } as const;
  const speed = { ...measured, suite: "speed", task: "speed", prefillRate: 15000, decodeRate: 300 } as const;
  const scored = makeResult([{ method: "none", length: 256, scores: answers(60, 60) }]);
  const header = (cells: readonly Cell[], language: "en" | "zh" = "en"): string =>
    renderEvaluation({ ...scored, cells }, { ...options, language }).split("\n")[1]!;
  expect(header([speed])).toContain("· 5 samples a cell ·");
  expect(header([speed], "zh")).toContain("每格 5 个样本");
  expect(header([...scored.cells, speed])).toContain("· 5–60 samples a cell ·");
  expect(header(scored.cells)).toContain("· 60 samples a cell ·");
});

test("at 140 columns two maps stand side by side", () => {
  vi.stubEnv("FORCE_COLOR", "0");
  const text = renderEvaluation(everything(), { language: "en", width: 140 });
  expect(text).toMatch(/^ +none +linear ×4$/m);
});

test("a name that is no name does not reach the terminal as it is", () => {
  vi.stubEnv("FORCE_COLOR", "0");
  const result = makeResult([{ method: "none", length: 256, scores: [1] }], {
    subject: { name: "a\u001b[2Jb".repeat(99) },
  });
  const text = renderEvaluation(result, { language: "en", width: 80 });
  expect(text).not.toContain("\u001b");
  expect(text.split("\n")[0]!.length).toBeLessThan(80);
});

test("whatever a file says that is read, it can be shown and compared", () => {
  const written = JSON.stringify(everything());
  const places = [...written.matchAll(/[[:,]("[^"]*"|-?[\d.]+)(?=[\]},])/g)].map(
    (match) => [match.index + 1, match[1]!] as const,
  );
  const hostile = fc.constantFrom("-1", "0", "1", "0.5", "1e300", "1e-300", "4294967296", '""', '"none"', "[]", "{}");
  fc.assert(
    fc.property(fc.constantFrom(...places), hostile, ([at, old], value) => {
      const changed = written.slice(0, at) + value + written.slice(at + old.length);
      try {
        const result = parseEvaluation(changed, "a.json");
        const text = renderEvaluation(result, { language: "zh", width: 80 });
        renderComparison(compareEvaluations(result, everything()), { language: "en", width: 80 });
        expect(text).not.toMatch(/NaN|undefined/);
      } catch (error) {
        expect(error).toBeInstanceOf(SkeinError);
      }
    }),
    { numRuns: 40 },
  );
});
