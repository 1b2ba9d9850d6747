import { type CheckpointFiles, readJson } from "../../checkpoint/files.ts";
import { SkeinError } from "../../errors.ts";
import { type ModelConfig, parseModelConfig } from "../../model/config.ts";
import { type GenerationDefaults, parseGenerationConfig } from "../../model/generation-config.ts";

/** Reads `config.json` and `generation_config.json`. */
export async function readConfiguration(
  files: CheckpointFiles,
): Promise<{ readonly config: ModelConfig; readonly defaults: GenerationDefaults }> {
  const json = await readJson(files, "config.json");
  if (json === undefined) {
    throw new SkeinError(
      "not_found",
      `${files.label}: there is no config.json; a model is a folder with config.json and model.safetensors`,
    );
  }
  const config = parseModelConfig(json);
  return { config, defaults: parseGenerationConfig(await readJson(files, "generation_config.json"), config) };
}
