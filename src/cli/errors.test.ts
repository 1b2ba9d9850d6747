import { expect, test } from "vitest";
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
