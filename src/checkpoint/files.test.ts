import { expect, test } from "vitest";
import type { CheckpointFiles } from "./files.ts";
import { readJson, readText } from "./files.ts";
import { filesOf } from "./test-safetensors.ts";

test("text and JSON are read whole; an absent file is undefined", async () => {
  const files = filesOf({ "a.json": '\ufeff{"size": [1, 2]}', "empty.txt": "" });
  expect(await readJson(files, "a.json")).toEqual({ size: [1, 2] });
  expect(await readText(files, "empty.txt")).toBe("");
  expect(await readText(files, "b.json")).toBeUndefined();
  expect(await readJson(files, "b.json")).toBeUndefined();
});

test("malformed JSON is named by its file, in one line", async () => {
  const files = filesOf({ "config.json": '{\n"a": 1,\n}', "empty.json": "" });
  await expect(readJson(files, "config.json")).rejects.toMatchObject({
    code: "invalid_checkpoint",
    message: expect.stringMatching(/^config\.json in .* is not valid JSON: [^\n]+$/),
  });
  await expect(readJson(files, "empty.json")).rejects.toThrow(/^empty\.json in .* is not valid JSON/);
});

test("bytes that are no UTF-8 are an error", async () => {
  const files = filesOf({ "config.json": new Uint8Array([0x7b, 0xff, 0x7d]) });
  await expect(readText(files, "config.json")).rejects.toThrow(/^config\.json in .* is not UTF-8/);
});

test("a file above the limit is refused before it is read", async () => {
  const huge: CheckpointFiles = {
    label: "somewhere",
    size: async () => 64 * 2 ** 20 + 1,
    read: async () => {
      throw new Error("must not be read");
    },
    close: async () => {},
  };
  await expect(readText(huge, "config.json")).rejects.toThrow(/^config\.json in somewhere has 67108865 bytes/);
  await expect(readText(filesOf({ a: "12345" }), "a", { limit: 4 })).rejects.toThrow(/5 bytes, more than the 4/);
  expect(await readText(filesOf({ a: "1234" }), "a", { limit: 4 })).toBe("1234");
});
