import fc from "fast-check";
import { expect, test } from "vitest";
import { SkeinError } from "../index.ts";
import { parseEvaluation } from "./read-result.ts";
import { answers, makeResult } from "./test-result.ts";
import { conclusionSentences } from "./texts/conclusion-sentences.ts";

const valid = makeResult(
  ["none", "yarn-static"].map((method) => ({ method, length: 256, scores: answers(3, 4), logprobs: [-3, -3.1] })),
  { behaviour: { kind: "scaled", reasons: [{ code: "a", values: { length: 5, what: "b" } }] } },
);
const written = JSON.stringify(valid);

test("what was written is read", () => {
  expect(parseEvaluation(written, "a.json")).toEqual(valid);
  const identity = { task: "speed", method: "endpoint", factor: 1, length: 256, index: 0, promptHash: "a" };
  const untimed = { ...identity, suite: "speed", prefillRate: 0, decodeRate: 0, untimed: true } as const;
  const more = { ...valid, samples: [...valid.samples, untimed] };
  expect(parseEvaluation(JSON.stringify(more), "a.json")).toEqual(more);
});

/** The valid result with another value at a path. */
function withValue(path: string, value: unknown): string {
  const copy = JSON.parse(written);
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
  const holder = keys.slice(0, -1).reduce((inside, key) => inside[key], copy);
  holder[keys.at(-1)!] = value;
  return JSON.stringify(copy);
}

test.each([
  ["version", 2, "has to be 1, which this version of Skein reads"],
  ["type", "inspection", "one of evaluation"],
  ["subject", null, "an object"],
  ["subject.name", "a\u001b[2J", "without control characters"],
  ["subject.nativeWindow", 0, "from 1"],
  ["settings.machine", undefined, "is not there"],
  ["cells[1].suite", "constructor", "one of passkey"],
  ["cells[0].accuracy", 1.5, "from 0 to 1"],
  ["cells[0].interval", [0.5, 0.4], "the least and the largest"],
  ["cells[0].interval", [0, 1, 2], "the least and the largest"],
  ["cells[0].depths[0].samples", 0.5, "a number from 1"],
  ["cells[2].perplexity", null, "a number"],
  ["samples[0].score", "1", "from 0 to 1"],
  ["samples[0].promptHash", 5, "a text"],
  ["samples", {}, "a list"],
  ["omitted", undefined, "is not there"],
  ["behaviour.kind", "toString", "one of limited"],
  ["behaviour.reasons[0].values", [1], "an object"],
])("a file whose %s is %j is refused, and the field is named", (path, value, message) => {
  const read = () => parseEvaluation(withValue(path, value), "some/a.json");
  expect(read).toThrow(SkeinError);
  expect(read).toThrow(message);
  expect(read).toThrow(`some/a.json is not what skein evaluate --json prints: ${path}`);
});

test("sums without their numbers of tokens, and two cells of one place, are refused", () => {
  const index = valid.samples.findIndex(({ suite }) => suite === "perplexity");
  const read = (path: string, value: unknown) => () => parseEvaluation(withValue(path, value), "a.json");
  expect(read(`samples[${index}].tokens`, [1])).toThrow(
    `samples[${index}].tokens: is 1; it has to be as long as logprobs`,
  );
  expect(read(`samples[${index}].tokens`, new Array(16).fill(0))).toThrow("at least one token");
  expect(read("cells[1]", valid.cells[0])).toThrow("cells[1]");
});

test.each([
  ["nothing", ""],
  ["half of an object", "{"],
  ["null", "null"],
  ["a list", "[]"],
  ["a text", '"evaluation"'],
  ["deep nesting", "[".repeat(100_000)],
  ["an error of skein", '{"type":"error"}'],
])("%s is refused", (_, content) => {
  expect(() => parseEvaluation(content, "a.json")).toThrow(/^a\.json is not what skein evaluate --json prints/);
});

/** Every path to a value. */
function pathsOf(value: unknown, path = ""): readonly string[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inside]) => pathsOf(inside, path === "" ? key : `${path}.${key}`)),
  ];
}

test("a file that was changed anywhere is refused by name, or something sensible is said of it", () => {
  const paths = pathsOf(JSON.parse(written)).filter((path) => path !== "");
  const hostile = fc.constantFrom<unknown>(
    ...[null, -1, 0, 1, 1e300, 1e-300, 0.5, 2 ** 53, "", "none", "constructor", "__proto__", [], [1], {}, true],
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), hostile, (path, value) => {
      try {
        const result = parseEvaluation(withValue(path, value), "a.json");
        expect(conclusionSentences(result, "en").join()).not.toMatch(/NaN|undefined/);
      } catch (error) {
        expect(error).toBeInstanceOf(SkeinError);
        expect((error as SkeinError).code).toBe("invalid_result");
      }
    }),
    { numRuns: 500 },
  );
});
