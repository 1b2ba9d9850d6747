import type { ModelInspection } from "../inspection.ts";
import { fileEndsEarly } from "./llama-cpp.ts";
import type { ServingPlan } from "./plan.ts";
import type { ServingEngine, ServingNote, ServingNoteCode } from "./settings.ts";
import { sglangRefusesLength } from "./sglang.ts";
import { lengthIsRefused } from "./vllm.ts";

type Values = ServingNote["values"];

/** How the engines write their own names. */
const names: Readonly<Record<ServingEngine, string>> = {
  vllm: "vLLM",
  sglang: "SGLang",
  "llama.cpp": "llama.cpp",
  transformers: "transformers",
  ollama: "Ollama",
};

/** What a reader of the settings has to know. */
export function servingNotes(plan: ServingPlan, engine: ServingEngine): readonly ServingNote[] {
  const { inspection, context, scaling, change } = plan;
  const { nativeWindow } = inspection.context;
  const name = names[engine];
  const isPython = ["vllm", "sglang", "transformers"].includes(engine);
  return [
    ...aboutScaling(plan, name),
    ...(refusesLength(plan, engine)
      ? [note("length_check_is_off", { engine: name, context, limit: limitOf(inspection, engine) })]
      : []),
    ...(engine === "vllm" && scaling === null && inspection.origin === "published" && context > 32768
      ? [note("tokenizer_may_limit", { context, nativeWindow })]
      : []),
    ...(isPython && inspection.format === "gguf" ? [note("checkpoint_needed", { engine: name })] : []),
    ...(/^https?:/i.test(inspection.name) ? [note("download_first", {})] : []),
    ...(engine === "llama.cpp" && fileEndsEarly(plan)
      ? [note("server_caps_length", { limit: inspection.config.max_position_embeddings })]
      : []),
    ...(engine === "ollama" && (change !== "nothing" || fileEndsEarly(plan)) ? [note("no_scaling_parameter", {})] : []),
    ...(engine === "vllm" || engine === "sglang" ? [note("cache_is_preallocated", { engine: name })] : []),
    ...(engine === "transformers" ? [note("length_is_not_enforced", { context })] : []),
    ...(engine === "transformers" && change === "scale" ? [note("older_versions_differ", {})] : []),
  ];
}

function aboutScaling({ inspection, context, scaling, change }: ServingPlan, engine: string): readonly ServingNote[] {
  const { nativeWindow } = inspection.context;
  if (change === "plain") return [note("declared_scaling_is_off", { context, nativeWindow, engine })];
  if (scaling === null) return [note("no_scaling_needed", { context, nativeWindow })];
  const { method, factor, costBelowWindow: cost } = scaling;
  if (cost === null) return [note("scaling_was_trained", { method, factor })];
  const percent = Number((100 * (cost.scoreFactor - 1)).toFixed(1));
  const { slowedPairs, pairs } = cost;
  return [note("scaling_is_static", { engine, method, factor, nativeWindow, slowedPairs, pairs, percent })];
}

function refusesLength(plan: ServingPlan, engine: ServingEngine): boolean {
  return engine === "vllm" ? lengthIsRefused(plan) : engine === "sglang" && sglangRefusesLength(plan);
}

/** What the engine takes for the model's length. */
function limitOf({ config, tokenizerMaxLength }: ModelInspection, engine: ServingEngine): number {
  const limit = config.max_position_embeddings;
  return engine === "vllm" && tokenizerMaxLength !== null ? Math.min(limit, tokenizerMaxLength) : limit;
}

const texts: Readonly<Record<ServingNoteCode, (values: Values) => string>> = {
  no_scaling_needed: ({ context, nativeWindow }) =>
    `${context} tokens are within the native window (${nativeWindow}): no scaling is needed, and none is set.`,
  declared_scaling_is_off: ({ context, nativeWindow, engine }) =>
    `${context} tokens are within the native window (${nativeWindow}). The files declare yarn, which ${engine} would apply at every length: it is taken off.`,
  scaling_is_static: ({ engine, method, factor, nativeWindow, slowedPairs, pairs, percent }) =>
    `The scaling of ${engine} is static: ${method} of factor ${factor} applies to short sequences too. Up to ${nativeWindow} tokens, where the model needs none, it slows ${slowedPairs} of ${pairs} pairs of a head and raises attention scores by ${percent} %. Serve short work without it; Skein scales only what is longer.`,
  scaling_was_trained: ({ method, factor }) =>
    `The model was trained with its ${method} scaling of factor ${factor}: it belongs to it at every length, and is in the files already.`,
  length_check_is_off: ({ engine, context, limit }) =>
    `${engine} takes the model to end at ${limit} tokens, although ${context} are right with these settings; the variable turns that check off.`,
  tokenizer_may_limit: ({ context }) =>
    `vLLM refuses ${context} tokens where model_max_length in tokenizer_config.json is less, as 32768 is in those of Qwen2's base models: raise it there, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1.`,
  checkpoint_needed: ({ engine }) =>
    `${engine} wants the model's checkpoint (config.json, safetensors): give its folder or Hub name in place of the GGUF file.`,
  download_first: () => "The model is at a web address: download it first, into a folder of this name.",
  cache_is_preallocated: ({ engine }) =>
    `${engine} takes a fixed share of the device's memory for its cache at the start; the figure is what one sequence of this length needs of it.`,
  server_caps_length: ({ limit }) =>
    `The file's context_length is ${limit}, and llama-server ends sequences there whatever -c says (builds from August 2026 on raise it when flags ask for YaRN): the override lifts it.`,
  no_scaling_parameter: () =>
    "A Modelfile has no parameter for scaling, and num_ctx is cut to the file's context_length without an error: both have to be in the GGUF file's metadata, which llama.cpp's llama-quantize copies here with other values. `ollama show` tells the context length that is in effect.",
  length_is_not_enforced: ({ context }) =>
    `transformers does not stop at any length: keep prompt and answer within ${context} tokens yourself.`,
  older_versions_differ: () =>
    "Some versions before 4.57 do not read original_max_position_embeddings, and refer the factor to max_position_embeddings.",
};

function note(code: ServingNoteCode, values: Values): ServingNote {
  return { code, message: texts[code](values), values };
}
