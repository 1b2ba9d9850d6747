import fc from "fast-check";
import { expect, test } from "vitest";
import { formatModelId, parseModelId, requireModelId } from "./model-id.ts";

test.each([
  ["Qwen/Qwen2-0.5B-Instruct", { repository: "Qwen/Qwen2-0.5B-Instruct", revision: "main" }],
  ["a/b@v1.0", { repository: "a/b", revision: "v1.0" }],
  ["a/b@refs/pr/3", { repository: "a/b", revision: "refs/pr/3" }],
  ["a/b-GGUF:Q4_K_M", { repository: "a/b-GGUF", revision: "main", quantisation: "Q4_K_M" }],
  ["a/b:Q4_K_M@main", { repository: "a/b", revision: "main", quantisation: "Q4_K_M" }],
  ["a/b@dev:q8_0", { repository: "a/b", revision: "dev", quantisation: "q8_0" }],
  ["a/b/model-q4_0.gguf", { repository: "a/b", revision: "main", file: "model-q4_0.gguf" }],
  ["a/b/BF16/m-00001-of-00002.gguf@dev", { repository: "a/b", revision: "dev", file: "BF16/m-00001-of-00002.gguf" }],
])("%s is a model on the Hub", (text, id) => {
  expect(parseModelId(text)).toEqual(id);
  expect(parseModelId(formatModelId(id))).toEqual(id);
});

test.each([
  "model",
  "./a/b",
  "../a/b",
  "/a/b",
  "~/a/b",
  "a/b/",
  "a/b/c",
  "a//b",
  "a/b/config.json",
  "C:/models/b",
  "C:\\models\\b",
  "https://huggingface.co/a/b",
  "a/..",
  "../..",
  "a/b..c",
  "a/b--c",
  "a/-b",
  "a/b.git",
  `a/${"b".repeat(97)}`,
  "a/b@",
  "a/b@../../x",
  "a/b@-x",
  "a/b@x//y",
  "a/b@.hidden",
  "a/b@x@y",
  "a/b/../x.gguf",
  "a/b/x.gguf:Q4_0",
  "a/b:..",
  "a/b\n",
  "a b/c",
])("%j is none", (text) => {
  expect(parseModelId(text)).toBeUndefined();
  expect(() => requireModelId(text)).toThrow(/must be a model on the Hub/);
});

test("what is accepted is safe as part of a path, whatever is given", () => {
  const part = fc.oneof(
    fc.constantFrom("a", "..", ".", "", "b-c", "main", "x.gguf", "\\", "C:", "~", "\0", "Q4_K_M"),
    fc.string({ maxLength: 5 }),
  );
  const joined = fc.array(fc.tuple(part, fc.constantFrom("/", "@", ":", "")), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(joined, (parts) => {
      const id = parseModelId(parts.flat().join(""));
      for (const text of [id?.repository, id?.revision, id?.file, id?.quantisation]) {
        if (text === undefined) continue;
        expect(text).not.toMatch(/[\\:\0]|^\/|\/$/);
        for (const piece of text.split("/")) expect(["", ".", ".."]).not.toContain(piece);
      }
    }),
    { numRuns: 2000 },
  );
});

test("what is no text is refused", () => {
  expect(() => requireModelId(7)).toThrow(/not 7/);
  expect(() => requireModelId(undefined)).toThrow(/must be a model/);
});
