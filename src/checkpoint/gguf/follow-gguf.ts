import type { CheckpointFiles } from "../files.ts";
import { findGguf } from "./find-gguf.ts";

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
