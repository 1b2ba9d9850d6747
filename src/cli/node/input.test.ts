import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkReadable, checkWritable } from "./input.ts";

test("where nothing can be written is said before any work", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-input-"));
  try {
    const file = join(folder, "file");
    await writeFile(file, "");
    await chmod(file, 0o777); // not for what it may not do, but for what it is
    await checkWritable("--save", file);
    await checkWritable("--save", join(folder, "new"));
    for (const [path, reason] of [
      [folder, "is a folder"],
      [`${join(folder, "new")}/`, "is a folder"],
      [join(file, "below"), "is not in a folder"],
      [join(folder, "no", "where"), `there is no folder ${join(folder, "no")}`],
    ])
      await expect(checkWritable("--save", path!)).rejects.toThrow(`--save ${path}: ${reason}`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a file that cannot be read is named with its flag before any work", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-input-"));
  try {
    const file = join(folder, "file");
    await writeFile(file, "");
    for (const mayBePipe of [true, false]) await checkReadable("--from", file, { mayBePipe });
    for (const [path, reason] of [
      [folder, "is a folder"],
      [join(folder, "none"), "there is no such file or folder"],
      [join(file, "below"), "is not in a folder"],
    ])
      await expect(checkReadable("--from", path!, { mayBePipe: true })).rejects.toThrow(`--from ${path}: ${reason}`);
    await expect(checkReadable("--from", "", { mayBePipe: true })).rejects.toThrow("--from needs the name of a file");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.skipIf(process.platform === "win32")("a pipe will do where a file is read once, and nowhere else", async () => {
  await checkReadable("--from", "/dev/null", { mayBePipe: true });
  const refused = checkReadable("--resume", "/dev/null", { mayBePipe: false });
  await expect(refused).rejects.toThrow("--resume /dev/null: is not a file");
});
