import { type CheckpointFiles, readJson } from "../../checkpoint/files.ts";
import { inFile } from "../../checkpoint/in-file.ts";
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
  const config = inFile(`config.json in ${files.label}`, () => parseModelConfig(json));
  const generation = await readJson(files, "generation_config.json");
  const file = `generation_config.json in ${files.label}`;
  return { config, defaults: inFile(file, () => parseGenerationConfig(generation, config)) };
}
