import fc from "fast-check";
import { expect, test } from "vitest";
import { findDuplicateKey } from "./json-keys.ts";

test("finds a key that stands twice in one object, at any depth", () => {
  expect(findDuplicateKey('{"a": 1, "b": 2, "a": 3}')).toBe("a");
  expect(findDuplicateKey('{"a": {"x": 1, "y": [{"z": 1, "z": 2}]}}')).toBe("z");
  expect(findDuplicateKey('{"": 1, "": 2}')).toBe("");
  expect(findDuplicateKey('{"__proto__": 1, "__proto__" \n\t: 2}')).toBe("__proto__");
});

test("keys are compared after their escapes", () => {
  expect(findDuplicateKey('{"a": 1, "\\u0061": 2}')).toBe("a");
  expect(findDuplicateKey('{"\\"": 1, "\\u0022": 2}')).toBe('"');
  expect(findDuplicateKey('{"a\\\\": 1, "a": 2}')).toBeUndefined();
});

test("the same key in different objects, and equal values, are no duplicates", () => {
  expect(findDuplicateKey('{"a": {"x": "x"}, "b": {"x": "x"}, "x": ["x", "x", "a:"]}')).toBeUndefined();
  expect(findDuplicateKey('{"a": "b", "b": "a", "c": "\\"a\\":"}')).toBeUndefined();
  expect(findDuplicateKey('"a"')).toBeUndefined();
});

test("no JSON that was written from a value has duplicates", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(findDuplicateKey(JSON.stringify(value, undefined, 1))).toBeUndefined();
    }),
  );
});

test("an entry that repeats a key of the same object is always found", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (object, choice) => {
      const keys = Object.keys(object);
      const key = keys[choice % keys.length]!;
      const json = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(key)}:null}`;
      expect(findDuplicateKey(json)).toBe(key);
    }),
  );
});
