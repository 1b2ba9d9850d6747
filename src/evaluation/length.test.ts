import { expect, test } from "vitest";
import { resolveLengths } from "./length.ts";
import { resolveMethods } from "./method.ts";

test("lengths are multiples of the window, thousands, or tokens; ascending, each once", () => {
  expect(resolveLengths(["4x", "0.5x", "1X", "128", "1K", "1.25x"], 256)).toEqual([128, 256, 320, 1024]);
});

test.each(["", "x", "0x", "-1x", "1e3", "4y", "15", "0.01x", "99999999", "1x,2x"])("%j is no length", (text) => {
  expect(() => resolveLengths([text], 256)).toThrow(/lengths.* must be a multiple of the native window/);
});

test("methods are taken with each factor, and none once", () => {
  const methods = resolveMethods(["none", "yarn-static", "none"], [2, 4]);
  expect(methods.map(({ name, factor }) => `${name} ${factor}`)).toEqual(["none 1", "yarn-static 2", "yarn-static 4"]);
  expect(methods[2]!.context).toEqual({ schedule: "static", factor: 4 });
});

test.each([
  [["yarn"], [4], /methods.*"yarn" is none of none, linear/],
  [["toString"], [4], /"toString" is none of/],
  [[], [4], /methods.*must name one/],
  [["yarn-static"], [], /factors.*must name one/],
  [["yarn-static"], [1], /factors.*above 1/],
  [["yarn-static"], [Number.NaN], /factors/],
])("methods %j with factors %j are refused", (names, factors, message) => {
  expect(() => resolveMethods(names, factors)).toThrow(message);
});
