import { link, lstat, open, rename, unlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { UsageError } from "../errors.ts";
import { checkWritable } from "./input.ts";

/**
 * Says at once what would otherwise be said after all the work.
 *
 * @param option - that names the file
 * @throws UsageError when nothing can be written there, or when a file is there that is not to be replaced
 */
export async function checkNewFile(
  option: string,
  path: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  await checkWritable(option, path);
  // A link to nothing would be replaced, too.
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere && !force) throw new UsageError(`${option} ${path}: is there already; --force replaces it`);
}

/** @param path - as typed where no shell reads it, which would know what `~` is */
export function inHome(path: string): string {
  return path.replace(/^~(?=[/\\]|$)/, () => homedir());
}

/** How a saved session begins, whatever its version. */
const sessionBeginning = "SKEINSE";

/**
 * Says at once what would otherwise be said after all the work, or would cost the user a file.
 *
 * @param option - that names the file
 * @throws UsageError when nothing can be written there, or when what is there is no saved session
 */
export async function checkSessionFile(option: string, path: string): Promise<void> {
  await checkWritable(option, path);
  const beginning = await readBeginning(path, sessionBeginning.length);
  // An empty file, as mktemp makes, has nothing to lose.
  if (beginning !== "" && beginning !== sessionBeginning)
    throw new UsageError(`${option} ${path}: is there already, and is no saved session; name another file`);
}

/** @returns undefined where it cannot be read, an empty text where there is no file */
async function readBeginning(path: string, bytes: number): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "" : undefined;
  }
}

/**
 * Writes a text whole or not at all: beside its place first.
 *
 * @param options.force - whether a file is replaced that came to stand there since {@link checkNewFile}
 */
export async function writeWhole(path: string, text: string, { force }: { readonly force: boolean }): Promise<void> {
  const beside = `${path}.${process.pid}.unfinished`;
  try {
    await writeFile(beside, text, { flag: "wx" });
    if (force || !(await linkNew(beside, path))) await rename(beside, path);
  } finally {
    await unlink(beside).catch(() => {});
  }
}

/** @returns whether the file has that name, too, which not every disk has; @throws Error when something has it already */
async function linkNew(from: string, path: string): Promise<boolean> {
  const isThere = new Error("is there by now, though it was not before; --force replaces it");
  try {
    await link(from, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw isThere;
    if ((await lstat(path).catch(() => undefined)) !== undefined) throw isThere;
    return false;
  }
}
