import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAtomicFolder } from "./atomic-folder.ts";
import { placeOf } from "./spawn-merge-worker.ts";

/** A folder of this name is on another disk than what lies in it. */
const otherDisk = "parent-of-a-mount";

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const stat = async (path: string) => {
    const found = await original.stat(path);
    return path.endsWith(otherDisk) ? { ...found, dev: found.dev + 1 } : found;
  };
  return { ...original, stat };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-atomic-"));
});
afterEach(() => rm(folder, { recursive: true }));

const create = (path: string) => createAtomicFolder(path, placeOf(path));

test("a folder appears whole, also in the place of an empty one, and of one that a link leads to", async () => {
  await mkdir(join(folder, "empty"));
  await mkdir(join(folder, "elsewhere"));
  await symlink("elsewhere", join(folder, "link"));
  for (const name of ["new", "empty", "link"]) {
    const path = join(folder, name);
    const written = await create(path);
    const file = await written.createFile("sub/text");
    await file.write(new TextEncoder().encode("whole"));
    await file.close();
    if (name !== "new") expect(await readdir(path)).toEqual([]);
    await written.commit();
    expect(await readFile(join(path, "sub", "text"), "utf8")).toBe("whole");
  }
  expect((await lstat(join(folder, "link"))).isSymbolicLink()).toBe(true);
  expect((await readdir(folder)).sort()).toEqual(["elsewhere", "empty", "link", "new"]);
});

test("what renaming cannot replace is refused before anything is written", async () => {
  const mount = join(folder, otherDisk, "mount");
  await mkdir(mount, { recursive: true });
  await symlink("nowhere", join(folder, "dangling"));
  const refused = (path: string) => expect(create(path)).rejects;
  await refused(mount).toMatchObject({ option: "folder", message: expect.stringMatching(/mount point/) });
  await refused(join(folder, "dangling")).toMatchObject({
    option: "folder",
    message: expect.stringMatching(/a link to/),
  });
  await refused(folder).toMatchObject({ option: "folder", message: expect.stringMatching(/is not empty/) });
  expect((await readdir(folder)).sort()).toEqual(["dangling", otherDisk]);
});
