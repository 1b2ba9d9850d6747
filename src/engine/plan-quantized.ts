import { type CheckpointFiles, readJson, readText } from "../checkpoint/files.ts";
import { ggufName } from "../checkpoint/gguf/tensor-names.ts";
import { metadataOfConfig } from "../checkpoint/gguf/write-config.ts";
import { type GgufPlan, type PlannedTensor, planGguf } from "../checkpoint/gguf/write-gguf.ts";
import type { TypedValue } from "../checkpoint/gguf/write-header.ts";
import { metadataOfTokenizer } from "../checkpoint/gguf/write-tokenizer.ts";
import { type FileType, fileTypeNumbers, writtenType } from "../checkpoint/gguf/written-types.ts";
import { isWeightType } from "../checkpoint/safetensors.ts";
import { checkTensors, openTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import { InvalidOptionError, SkeinError, UnsupportedError } from "../errors.ts";
import { expectedTensors, type ModelConfig, optionalTensors } from "../model/config.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import { readConfiguration } from "./read-configuration.ts";

export interface PlanOptions {
  /** What people call the model. */
  readonly name: string;
  readonly type: FileType;
  readonly allowRequantize: boolean;
}

/**
 * Decides what a model's GGUF file holds; only headers and the files about text are read.
 *
 * @returns the plan, and the tensors that it is to be made of
 * @throws SkeinError, InvalidOptionError, UnsupportedError, InvalidConfigError when the checkpoint cannot be followed, or not be written
 */
export async function planQuantized(
  files: CheckpointFiles,
  { name, type, allowRequantize }: PlanOptions,
): Promise<{ readonly plan: GgufPlan; readonly index: TensorIndex }> {
  const { config, defaults } = await readConfiguration(files);
  const { "general.architecture": architecture, ...ofConfig } = metadataOfConfig(config);
  const metadata: Record<string, TypedValue> = {
    "general.architecture": architecture!,
    "general.type": { type: "string", value: "model" },
    "general.name": { type: "string", value: name },
    "general.file_type": { type: "uint32", value: fileTypeNumbers[type] },
    "general.quantization_version": { type: "uint32", value: 2 },
    "general.alignment": { type: "uint32", value: 32 },
    ...ofConfig,
    ...(await readTokenizer(files, config, defaults)),
  };
  const index = await openTensors(files);
  const expected = expectedTensors(config);
  checkTensors(index, expected, { optional: optionalTensors(config) });
  const tensors = [...expected].map(([source, shape]): PlannedTensor => {
    const own = ggufName(source);
    if (own === undefined) throw new UnsupportedError(`the tensor ${source} has no name in llama.cpp`);
    return { source, name: own, shape, type: writtenType(own, shape, type, config.tie_word_embeddings) };
  });
  if (!allowRequantize) refuseRequantizing(files, index, tensors);
  return { plan: planGguf(metadata, tensors), index };
}

async function readTokenizer(
  files: CheckpointFiles,
  config: ModelConfig,
  { endTokens }: GenerationDefaults,
): Promise<Record<string, TypedValue>> {
  const tokenizer = await readJson(files, "tokenizer.json");
  if (tokenizer === undefined)
    throw new SkeinError("no_tokenizer", `${files.label} has no tokenizer.json, which a GGUF file must have; add it`);
  return metadataOfTokenizer({
    tokenizer,
    config: await readJson(files, "tokenizer_config.json"),
    chatTemplate: await readText(files, "chat_template.jinja"),
    vocabularySize: config.vocab_size,
    endTokens,
    beginningToken: config.bos_token_id,
  });
}

/** As `llama-quantize` refuses it: each time loses, and nobody would see it. */
function refuseRequantizing(files: CheckpointFiles, index: TensorIndex, tensors: readonly PlannedTensor[]): void {
  for (const { source, type } of tensors) {
    const { dtype } = index.entry(source)!;
    if (dtype === type || isWeightType(dtype)) continue;
    throw new InvalidOptionError(
      "allowRequantize",
      `${files.label}: ${source} is ${dtype} already, and making it ${type} would lose once more; start from the model in F32, F16 or BF16, or set it`,
    );
  }
}
