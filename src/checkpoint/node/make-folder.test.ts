import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeFolder } from "./make-folder.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("makes what is missing, for several at once, and leaves what is there", async () => {
  const path = join(folder, "a", "b", "c");
  for (let round = 0; round < 100; round++) {
    await rm(join(folder, "a"), { recursive: true, force: true });
    await Promise.all(Array.from({ length: 12 }, () => makeFolder(path, 0o700)));
  }
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
  if (process.platform !== "win32") expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o700);
});

test("a file in the way is an error, and so is a place that takes no folders, soon", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(folder, "file", "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  if (process.platform === "linux")
    await expect(makeFolder("/proc/nope/deeper")).rejects.toMatchObject({ code: "ENOENT" });
});
