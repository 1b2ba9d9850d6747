import { expect, test } from "vitest";
import { type ContextOptions, readContextOptions } from "./options.ts";

const yarn = { extend: "yarn", factor: 4, steps: [1, 4] } as const;

class Computed implements ContextOptions {
  get extend(): "yarn" {
    return "yarn";
  }
  get factor(): number {
    return 4;
  }
  get steps(): readonly number[] {
    return [1, 4];
  }
}

test.each<[string, ContextOptions]>([
  ["own", yarn],
  ["inherited", Object.create(yarn)],
  ["computed", new Computed()],
  ["of a Proxy", new Proxy({ ...yarn, steps: new Proxy([1, 4], {}) }, {})],
  ["beside what is undefined", { ...yarn, growth: undefined, nativeWindow: undefined }],
])("fields that are %s come out as plain data", (_how, options) => {
  expect(structuredClone(readContextOptions(options))).toStrictEqual({ ...yarn });
});

test("each field is read once: what was checked is what is followed", () => {
  let reads = 0;
  const changing = {
    get factor() {
      return reads++ === 0 ? 4 : -1;
    },
  };
  expect(readContextOptions(changing)).toEqual({ factor: 4 });
});

test("a list is copied: whose it is may change it", () => {
  const steps = [1, 4];
  const read = readContextOptions({ steps });
  steps.push(-1);
  expect(read.steps).toEqual([1, 4]);
});

test.each<[object, string, RegExp]>([
  [{ extend: 5n }, "context.extend", /must be one of declared, .* not 5$/],
  [{ extend: Symbol("yarn") }, "context.extend", /not a symbol$/],
  [{ growth: Object.create(null) }, "context.growth", /not an object$/],
  [{ nativeWindow: Symbol("8") }, "context.nativeWindow", /must be a whole number from 1 to 16777216, not a symbol$/],
  [{ factor: "4" }, "context.factor", /must be a number from 1 to 1024, not "4"$/],
  [{ steps: [1, undefined] }, "context.steps[1]", /must be a number from 1 to 1024/],
  [{ steps: new Array(65).fill(2) }, "context.steps", /list of 1 to 64 factors/],
  [{ allowBeyondWindow: 1n }, "context.allowBeyondWindow", /must be true or false, not 1$/],
  [Object.create({ extnd: "yarn" }), "context.extnd", /is not an option/],
])("what cannot be followed is named, whatever it is: %o", (options, option, message) => {
  expect(() => readContextOptions(options)).toThrow(expect.objectContaining({ code: "invalid_option", option }));
  expect(() => readContextOptions(options)).toThrow(message);
});
