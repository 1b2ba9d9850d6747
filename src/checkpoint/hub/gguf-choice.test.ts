import { expect, test } from "vitest";
import { chooseGguf, ggufChoices } from "./gguf-choice.ts";
import { requireModelId } from "./model-id.ts";

const names = [
  "README.md",
  "imatrix.gguf",
  "mmproj-model-f16.gguf",
  "model-q4_k_m.gguf",
  "model-UD-Q4_K_M.gguf",
  "model-fp16-00001-of-00002.gguf",
  "model-fp16-00002-of-00002.gguf",
  "BF16/model-BF16.gguf",
  "special.gguf",
];
const choose = (id: string, from: readonly string[] = names) => chooseGguf(requireModelId(id), from, "a/b");

test("models are told apart by the end of their names; parts belong together; companions are none", () => {
  expect(ggufChoices(names).map(({ first, quantisation }) => [first, quantisation])).toEqual([
    ["BF16/model-BF16.gguf", "BF16"],
    ["model-UD-Q4_K_M.gguf", "UD-Q4_K_M"],
    ["model-fp16-00001-of-00002.gguf", "fp16"],
    ["model-q4_k_m.gguf", "q4_k_m"],
    ["special.gguf", undefined],
  ]);
});

test("a quantisation means the file whose name ends with it and nothing more, in any case", () => {
  expect(choose("a/b:Q4_K_M").first).toBe("model-q4_k_m.gguf");
  expect(choose("a/b:ud-q4_k_m").first).toBe("model-UD-Q4_K_M.gguf");
  expect(choose("a/b:FP16").files).toEqual(names.slice(5, 7));
});

test("a file means itself, and one part of several all of them", () => {
  expect(choose("a/b/special.gguf").files).toEqual(["special.gguf"]);
  expect(choose("a/b/model-fp16-00002-of-00002.gguf").files).toEqual(names.slice(5, 7));
});

test("the only model needs no choice", () => {
  expect(choose("a/b", ["README.md", "x.gguf"]).first).toBe("x.gguf");
});

test("several without a choice, and a choice that is not there, are errors that list what can be chosen", () => {
  expect(() => choose("a/b")).toThrow(
    "a/b has 5 GGUF models; choose one of: a/b:BF16, a/b:UD-Q4_K_M, a/b:fp16, a/b:q4_k_m, a/b/special.gguf",
  );
  expect(() => choose("a/b:Q2_K@dev")).toThrow('a/b has no GGUF model "Q2_K"; choose one of: a/b:BF16@dev, ');
  expect(() => choose("a/b:Q4_0", ["x-Q4_0.gguf", "y-Q4_0.gguf"])).toThrow(
    'a/b has 2 GGUF models of "Q4_0"; choose one of: a/b/x-Q4_0.gguf, a/b/y-Q4_0.gguf',
  );
  expect(() => choose("a/b", ["README.md"])).toThrow("a/b has no GGUF files");
});

test("a model of which parts are missing is refused", () => {
  expect(() => choose("a/b:fp16", names.slice(0, 6))).toThrow("a/b has 1 of 2 parts of");
});

test("a list of thousands stays a line that can be read", () => {
  const many = Array.from({ length: 5000 }, (_, i) => `m${i}.gguf`);
  expect(() => choose("a/b", many)).toThrow(/^.{1,1000}, …$/);
});
