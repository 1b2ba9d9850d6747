import { expect, test } from "vitest";
import { InvalidOptionError } from "../errors.ts";
import { type SamplingOptions, validateSamplingOptions } from "./options.ts";

function optionAtFault(options: unknown): string | undefined {
  try {
    validateSamplingOptions(options as SamplingOptions);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return (error as InvalidOptionError).option;
  }
}

test("bounds that are allowed pass", () => {
  validateSamplingOptions({});
  validateSamplingOptions({ temperature: undefined, seed: undefined });
  validateSamplingOptions({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, presencePenalty: -2 });
  validateSamplingOptions({ minP: 1, frequencyPenalty: 2, seed: Number.MAX_SAFE_INTEGER, repetitionPenalty: 1.05 });
});

test.each([
  ["temperature", [-0.1, Number.NaN, Number.POSITIVE_INFINITY, "1", null]],
  ["topK", [-1, 1.5, Number.NaN, 2 ** 53, "20"]],
  ["topP", [0, -0.5, 1.01, Number.NaN, true]],
  ["minP", [-0.1, 1.1, Number.NaN, {}]],
  ["repetitionPenalty", [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-300, 101]],
  ["presencePenalty", [-2.1, 2.1, Number.NaN]],
  ["frequencyPenalty", [-2.1, 2.1, Number.NaN]],
  ["seed", [-1, 0.5, 2 ** 53, Number.NaN, "1", 1n]],
])("a wrong %s is named", (option, values) => {
  for (const value of values) expect(optionAtFault({ [option]: value })).toBe(option);
});

test("options that are not an object are refused", () => {
  expect(optionAtFault(null)).toBe("sampling");
  expect(optionAtFault("greedy")).toBe("sampling");
});

test("the message says what was given and what is wanted", () => {
  expect(() => validateSamplingOptions({ topP: 1.5 })).toThrow(
    "topP: must be a number above 0 and at most 1 (1 keeps all tokens), not 1.5",
  );
});
