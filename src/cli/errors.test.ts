import { expect, test } from "vitest";
import { InvalidOptionError } from "../index.ts";
import { describeError } from "./errors.ts";

test.each([
  ['context: { extend: "yarn", factor: 4 }', "--yarn --factor 4"],
  ['context: { extend: "ntk", factor: 2 }', "--extend ntk --factor 2"],
  ['context: { extend: "yarn", factor: 2, nativeWindow: 32768 }', "--yarn --factor 2 --native-window 32768"],
])("an option is said as flags: %s", (option, flags) => {
  expect(describeError(new Error(`To extend the window: ${option}, and give maxTokens.`))).toBe(
    `To extend the window: ${flags}, and give --max-tokens N.`,
  );
});

test.each([
  ["topP", "must be at most 1", "--top-p: must be at most 1"],
  ["maxTokens", "must be from 1", "--max-tokens: must be from 1"],
  ["context.nativeWindow", "must be from 1", "--native-window: must be from 1"],
  ["context.steps[1]", "must be from 1", "--steps: must be from 1"],
  ["context.extend", "yarn cannot be put on it", "--yarn cannot be put on it"],
  ["context.extend", "linear cannot be put on it", "--extend: linear cannot be put on it"],
  ["context.factor", 'is above 2; add extend: "yarn" to exceed it', "--factor: is above 2; add --yarn to exceed it"],
  ["source", "is empty", "source: is empty"],
  ["HF_ENDPOINT", "must be an address", "HF_ENDPOINT: must be an address"],
])("an error about the option %s names the flag that sets it, where there is one", (option, reason, message) => {
  expect(describeError(new InvalidOptionError(option, reason))).toBe(message);
});
