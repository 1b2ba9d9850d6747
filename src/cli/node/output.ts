import { rename, stat, unlink, writeFile } from "node:fs/promises";
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
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere && !force) throw new UsageError(`${option} ${path}: is there already; --force replaces it`);
}

/** Writes a text whole or not at all: beside its place first. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.unfinished`;
  try {
    await writeFile(beside, text, { flag: "wx" });
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => {});
    throw error;
  }
}
