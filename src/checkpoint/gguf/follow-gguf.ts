import { CheckpointError, quoteName } from "../errors.ts";
import type { CheckpointFiles } from "../files.ts";

/**
 * A folder, or files, without a `config.json` and with one GGUF file stand for the model in that file.
 *
 * @param file - a name, when the source names one itself
 * @returns the files as they are, where there is nothing of the kind
 * @throws CheckpointError when there are several; whatever `openGguf` throws; the files are closed then
 */
export async function followGguf(files: CheckpointFiles, file?: string): Promise<CheckpointFiles> {
  try {
    const found = file ?? (await findGguf(files));
    if (found === undefined) return files;
    // Most models are no GGUF files, and do without this.
    const { openGguf } = await import("./open-gguf.ts");
    return await openGguf(files, found);
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** @returns the name of the GGUF file that a folder without a `config.json` has; of one that was split its first part */
async function findGguf(files: CheckpointFiles): Promise<string | undefined> {
  if (!files.list || (await files.size("config.json")) !== undefined) return undefined;
  const models = (await files.list()).filter(
    (name) => /\.gguf$/i.test(name) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(name),
  );
  if (models.length <= 1) return models[0];
  const shown = models.slice(0, 10).map(quoteName).join(", ");
  throw new CheckpointError(
    "not_found",
    `${files.label} has ${models.length} GGUF files and no config.json; give the path of one of them: ${shown}`,
  );
}
