import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkNewFile, inHome, writeWhole } from "./output.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-output-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a file that came to be there during the work stays, unless it is to be replaced", async () => {
  const path = join(folder, "report.html");
  await checkNewFile("--report", path, { force: false });
  await writeFile(path, "mine");
  await expect(writeWhole(path, "page", { force: false })).rejects.toThrow("is there by now");
  expect(await readFile(path, "utf8")).toBe("mine");
  await writeWhole(path, "page", { force: true });
  await writeWhole(join(folder, "other.html"), "other", { force: false });
  expect([await readFile(path, "utf8"), await readFile(join(folder, "other.html"), "utf8")]).toEqual(["page", "other"]);
  expect((await readdir(folder)).sort()).toEqual(["other.html", "report.html"]);
});

test.skipIf(process.platform === "win32")("a link to nothing is there, too", async () => {
  const path = join(folder, "link");
  await symlink("nowhere", path);
  await expect(checkNewFile("--report", path, { force: false })).rejects.toThrow("is there already");
  await checkNewFile("--report", path, { force: true });
});

test("what is typed where no shell reads it may begin with the home", () => {
  expect([inHome("~/a  b"), inHome("~"), inHome("~ada/a"), inHome("a/~")]).toEqual([
    join(homedir(), "a  b"),
    homedir(),
    "~ada/a",
    "a/~",
  ]);
});
