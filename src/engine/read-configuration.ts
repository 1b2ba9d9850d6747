import { adapterWithoutBase } from "../checkpoint/adapter-without-base.ts";
import { type CheckpointFiles, orRefused, readJson } from "../checkpoint/files.ts";
import { inFile } from "../checkpoint/in-file.ts";
import { SkeinError } from "../errors.ts";
import { type ModelConfig, parseModelConfig } from "../model/config.ts";
import { type GenerationDefaults, parseGenerationConfig } from "../model/generation-config.ts";

/** What a checkpoint says about itself. */
export interface Configuration {
  readonly config: ModelConfig;
  readonly defaults: GenerationDefaults;
  /** `config.json` and `generation_config.json` as they were parsed; undefined where the latter is missing. */
  readonly files: { readonly config: unknown; readonly generationConfig: unknown };
}

/**
 * Reads `config.json` and `generation_config.json`.
 *
 * @throws SkeinError without a `config.json` (code `not_found`; `adapter_without_base` where it is an adapter); CheckpointError, InvalidConfigError, UnsupportedError naming the file
 */
export async function readConfiguration(files: CheckpointFiles): Promise<Configuration> {
  const json = await readJson(files, "config.json");
  if (json === undefined) throw await missingConfig(files);
  const config = inFile(`config.json in ${files.label}`, () => parseModelConfig(json));
  const generationConfig = await readJson(files, "generation_config.json");
  const file = `generation_config.json in ${files.label}`;
  const defaults = inFile(file, () => parseGenerationConfig(generationConfig, config));
  return { config, defaults, files: { config: json, generationConfig } };
}

async function missingConfig(files: CheckpointFiles): Promise<SkeinError> {
  const lacking = `there is no config.json${orRefused(files)}`;
  const what =
    ", which says what the model is; a model is a folder with config.json and model.safetensors, or a GGUF file";
  return (await adapterWithoutBase(files, lacking)) ?? new SkeinError("not_found", `${files.label}: ${lacking}${what}`);
}
