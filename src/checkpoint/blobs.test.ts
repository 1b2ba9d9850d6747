import { openAsBlob } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBlobs } from "./blobs.ts";

const files = () =>
  openBlobs({ "config.json": new Blob(["{}"]), "data.bin": new Blob([new Uint8Array([1, 2, 3, 4])]) });

test("sizes and ranges of bytes", async () => {
  const source = files();
  expect(await source.size("data.bin")).toBe(4);
  expect(await source.size("absent")).toBeUndefined();
  expect([...(await source.read("data.bin", 1, 3))]).toEqual([2, 3]);
  expect(await source.read("data.bin", 4, 4)).toHaveLength(0);
  expect(await source.list?.()).toEqual(["config.json", "data.bin"]);
});

test("a range outside the file and an absent file are errors", async () => {
  for (const [start, end] of [
    [0, 5],
    [3, 2],
    [-1, 2],
    [0.5, 2],
    [0, Number.NaN],
    [0, 2 ** 53],
  ] as const) {
    await expect(files().read("data.bin", start, end)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  }
  await expect(files().read("absent", 0, 1)).rejects.toMatchObject({ code: "not_found" });
});

test("names of object prototypes are names like any other", async () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    expect(await files().size(name)).toBeUndefined();
    const named = openBlobs(Object.defineProperty({}, name, { value: new Blob(["abc"]), enumerable: true }));
    expect(await named.size(name)).toBe(3);
  }
});

test("names that leave the folder are refused", async () => {
  for (const name of ["../data.bin", "/etc/passwd", "a/../../b", "", "a//b", "c:d", "a\\b", ".", "a\0"]) {
    await expect(files().size(name)).rejects.toMatchObject({ code: "invalid_checkpoint" });
    await expect(files().read(name, 0, 1)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  }
});

test("what is not a blob, or no files at all, is an error of the option", () => {
  expect(() => openBlobs({ "config.json": "{}" as unknown as Blob })).toThrow(/source\["config.json"\].*Blob/);
  expect(() => openBlobs({})).toThrow(/no files/);
});

test("nothing can be read after closing; closing twice is fine", async () => {
  const source = files();
  await source.close();
  await source.close();
  await expect(source.size("data.bin")).rejects.toMatchObject({ code: "closed" });
  await expect(source.read("data.bin", 0, 1)).rejects.toMatchObject({ code: "closed" });
});

test("a file that was changed since it was chosen is an error with its name", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-test-"));
  try {
    const path = join(folder, "chosen");
    await writeFile(path, "12345678");
    const source = openBlobs({ "data.bin": await openAsBlob(path) });
    await appendFile(path, "9");
    await expect(source.read("data.bin", 0, 4)).rejects.toMatchObject({
      code: "read_failed",
      message: expect.stringMatching(/^data\.bin in the given files cannot be read .*give it again$/),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
