import { CheckpointError, quoteName } from "../errors.ts";
import type { CheckpointFiles } from "../files.ts";

/**
 * @returns the name of the GGUF file that a folder without a `config.json` has; of one that was split its first part
 * @throws CheckpointError when there are several
 */
export async function findGguf(files: CheckpointFiles): Promise<string | undefined> {
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
