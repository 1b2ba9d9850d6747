import { type CheckpointFiles, readJson, readText } from "../checkpoint/files.ts";
import { ropeFactorsName } from "../checkpoint/gguf/rope-factors.ts";
import { ggufName } from "../checkpoint/gguf/tensor-names.ts";
import { architectureOf, metadataOfConfig } from "../checkpoint/gguf/write-config.ts";
import { type GgufPlan, type PlannedTensor, planGguf } from "../checkpoint/gguf/write-gguf.ts";
import type { TypedValue } from "../checkpoint/gguf/write-header.ts";
import { ropeFactorsOf } from "../checkpoint/gguf/write-rope-factors.ts";
import { hasOwnSpaces } from "../checkpoint/gguf/write-sentencepiece.ts";
import { metadataOfTokenizer, type TokenizerSource } from "../checkpoint/gguf/write-tokenizer.ts";
import { type FileType, fileTypeNumbers, writtenType } from "../checkpoint/gguf/written-types.ts";
import { isWeightType } from "../checkpoint/safetensors.ts";
import { checkTensors, openTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import { InvalidOptionError, SkeinError, UnsupportedError } from "../errors.ts";
import { expectedTensors, type ModelConfig, optionalTensors } from "../model/config.ts";
import { readRotaryParameters } from "../position/index.ts";
import { readTokenizerFile } from "../text/tokenizer-files.ts";
import type { Warning } from "./options.ts";
import { outputNotUsed } from "./output-not-used.ts";
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
 * @returns the plan, the tensors that it is to be made of, and what is to be said about it
 * @throws SkeinError, InvalidOptionError, UnsupportedError, InvalidConfigError when the checkpoint cannot be followed, or not be written
 */
export async function planQuantized(
  files: CheckpointFiles,
  { name, type, allowRequantize }: PlanOptions,
): Promise<{ readonly plan: GgufPlan; readonly index: TensorIndex; readonly warnings: readonly Warning[] }> {
  const { config, defaults } = await readConfiguration(files);
  const tokenizer = await readTokenizer(files);
  const { "general.architecture": architecture, ...ofConfig } = metadataOfConfig(config);
  const metadata: Record<string, TypedValue> = {
    "general.architecture": architecture!,
    "general.type": { type: "string", value: "model" },
    "general.name": { type: "string", value: name },
    "general.file_type": { type: "uint32", value: fileTypeNumbers[type] },
    "general.quantization_version": { type: "uint32", value: 2 },
    "general.alignment": { type: "uint32", value: 32 },
    ...ofConfig,
    ...metadataOfTokenizer({
      ...tokenizer,
      vocabularySize: config.vocab_size,
      endTokens: defaults.endTokens,
      beginningToken: config.bos_token_id,
    }),
  };
  const index = await openTensors(files);
  const expected = expectedTensors(config);
  checkTensors(index, expected, { optional: optionalTensors(config) });
  const isLlama = architectureOf(config) === "llama";
  const tensors = [...expected].map(([source, shape]): PlannedTensor => {
    const own = ggufName(source);
    if (own === undefined) throw new UnsupportedError(`the tensor ${source} has no name in llama.cpp`);
    const isPermuted = isLlama && permutedPattern.test(source);
    return {
      source,
      name: own,
      shape,
      type: writtenType(own, shape, type, config.tie_word_embeddings),
      ...(isPermuted ? { headRows: config.head_dim } : {}),
    };
  });
  if (!allowRequantize) refuseRequantizing(files, index, tensors);
  const factors = isLlama ? ropeFactorsOf(config) : undefined;
  if (factors) tensors.push({ source: factors, name: ropeFactorsName, shape: [factors.length], type: "F32" });
  return {
    plan: planGguf(metadata, tensors),
    index,
    warnings: [...warningsOf(config, tokenizer.tokenizer), ...(await outputNotUsed(index, config))],
  };
}

/** What llama.cpp has in an order of its own in `llama`. */
const permutedPattern = /\.self_attn\.[qk]_proj\.(weight|bias)$/;

/** What llama.cpp does otherwise than the model, and the file cannot mend. */
function warningsOf(config: ModelConfig, tokenizer: unknown): readonly Warning[] {
  const warnings: Warning[] = [];
  const { sliding_window: window, max_position_embeddings: longest } = config;
  if (window !== null && window < longest)
    warnings.push({
      code: "sliding_window_not_followed",
      message: `llama.cpp does not follow sliding_window ${window}, though the file says it: past ${window} tokens its answers are those of full attention; Skein follows it`,
    });
  const rotary = readRotaryParameters(config);
  if (rotary.method === "yarn" && (rotary.betaFast !== 32 || rotary.betaSlow !== 1))
    warnings.push({
      code: "yarn_bounds_not_followed",
      message: `llama.cpp does not read beta_fast ${rotary.betaFast} and beta_slow ${rotary.betaSlow}, though the file says them: it computes with 32 and 1 unless it is started with --yarn-beta-fast ${rotary.betaFast} --yarn-beta-slow ${rotary.betaSlow}; Skein follows them`,
    });
  if (hasOwnSpaces(readTokenizerFile(tokenizer)))
    warnings.push({
      code: "leading_spaces_differ",
      message:
        "the tokenizer's Metaspace cannot be said in a GGUF file: read from it, texts that begin with a space, and texts behind control tokens, get one space more, as in llama.cpp",
    });
  return warnings;
}

async function readTokenizer(
  files: CheckpointFiles,
): Promise<Pick<TokenizerSource, "tokenizer" | "config" | "chatTemplate">> {
  const tokenizer = await readJson(files, "tokenizer.json");
  if (tokenizer === undefined)
    throw new SkeinError("no_tokenizer", `${files.label} has no tokenizer.json, which a GGUF file must have; add it`);
  return {
    tokenizer,
    config: await readJson(files, "tokenizer_config.json"),
    chatTemplate: await readText(files, "chat_template.jinja"),
  };
}

/** As `llama-quantize` refuses it: each time loses, and nobody would see it. */
function refuseRequantizing(files: CheckpointFiles, index: TensorIndex, tensors: readonly PlannedTensor[]): void {
  for (const { source, type } of tensors) {
    if (typeof source !== "string") continue;
    const { dtype } = index.entry(source)!;
    if (dtype === type || isWeightType(dtype)) continue;
    throw new InvalidOptionError(
      "allowRequantize",
      `${files.label}: ${source} is ${dtype} already, and making it ${type} would lose once more; start from the model in F32, F16 or BF16, or set it`,
    );
  }
}
