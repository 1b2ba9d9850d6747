import { expect, test } from "vitest";
import { InvalidOptionError, UnsupportedError } from "../index.ts";
import { createChatCommand } from "./chat.ts";
import { describeError, flaggedOptions } from "./errors.ts";
import { createEvaluateCommand } from "./evaluate.ts";
import { createGenerateCommand } from "./generate.ts";
import { createInspectCommand } from "./inspect.ts";

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
  [
    "context.extend",
    "yarn cannot be put on yarn scaling, which this model was trained with (factor 4)",
    "--factor: the model was trained with yarn scaling of factor 4, which cannot be changed",
  ],
  ["context.factor", 'is above 2; add extend: "yarn" to exceed it', "--factor: is above 2; add --yarn to exceed it"],
  ["adapters.a.b.window", "must be from 1", "--adapter a.b: window must be from 1"],
  [
    "context.steps",
    'must be "continuous" or a list of 1 to 64 factors, as [1, 2, 4]',
    "--steps: must be 1 to 64 factors, as 1,2,4, or continuous",
  ],
  ["source", "is empty", "source: is empty"],
  ["HF_ENDPOINT", "must be an address", "HF_ENDPOINT: must be an address"],
])("an error about the option %s names the flag that sets it, where there is one", (option, reason, message) => {
  expect(describeError(new InvalidOptionError(option, reason))).toBe(message);
});

test("flags that errors name are flags that there are", () => {
  const commands = [createGenerateCommand(), createChatCommand(), createInspectCommand(), createEvaluateCommand()];
  const flags = commands.flatMap(({ options }) => options.map(({ long }) => `${long}: x`));
  for (const option of flaggedOptions) expect(flags).toContain(describeError(new InvalidOptionError(option, "x")));
});

test.each([
  ["cache: q8 is not known to the reference backend; it has f32", "--cache: q8 is not known"],
  ["threads: 9 were asked for; 8 are used", "--threads: 9 were asked for"],
  ["kernels: wide needs Node", "--kernels: wide needs Node"],
  ["kernels: vectors of 256 bits computed something else", "kernels: vectors of 256 bits"], // nobody chose them
  ["cache: there is no such folder", "cache: there is no such folder"], // a model of that name
  [
    '2 tensors are kept in 8 bits; weights: "f32" keeps every number',
    "2 tensors are kept in 8 bits; --weights f32 keeps",
  ],
])("%s: names a flag where one was typed, or helps", (message, expected) => {
  expect(describeError(new UnsupportedError(message)).slice(0, expected.length)).toBe(expected);
});
