import type { RotaryParameters } from "../position/index.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type { ContextConfig } from "./settings.ts";

/**
 * YaRN on a model that takes its window without it, or was trained with another scaling. Such models are told by numbers that only they
 * have: a base Qwen2 by its end token and window, Qwen3 of July 2025 and Llama 3.1 by base and window.
 */
export function diagnoseUnmeantYarn(
  config: ContextConfig,
  parameters: RotaryParameters,
): Diagnosis<"yarn_was_not_meant"> | undefined {
  const {
    method,
    maxPositionEmbeddings: window,
    originalWindow = window,
    blockField: block = "rope_scaling",
  } = parameters;
  const model = method === "yarn" ? modelWithoutYarn(config, parameters) : undefined;
  if (model === undefined) return undefined;
  return {
    code: "yarn_was_not_meant",
    level: "warning",
    message: `${block} declares yarn from ${originalWindow} tokens on, but ${describe[model](window)}`,
    fix: `remove the yarn block${model === "llama3" ? " and put back the llama3 one that the model was published with" : ""} (${block})`,
    values: { block, originalWindow, window, model },
  };
}

/** Models that yarn is put on by mistake. */
type UnmeantModel = "qwen2-base" | "qwen2-long" | "qwen3-2507" | "llama3";

const describe: Readonly<Record<UnmeantModel, (window: number) => string>> = {
  "qwen2-base": (window) =>
    `this is a base model (end token ${endOfText}) that takes ${window} tokens with no scaling; only the Instruct models are meant to have it`,
  "qwen2-long": () => `no Qwen2 or Qwen2.5 model was shown to go past ${longWindow} tokens by it`,
  "qwen3-2507": (window) => `a Qwen3 model with this rope_theta takes ${window} tokens with no scaling`,
  llama3: () => "a Llama model with this rope_theta and window was trained with llama3 scaling, which yarn replaces",
};

/** `<|endoftext|>` in the vocabulary of Qwen2 and later: the end token of base models; Instruct models have 151645. */
const endOfText = 151643;
const longWindow = 131072;

function modelWithoutYarn(config: ContextConfig, parameters: RotaryParameters): UnmeantModel | undefined {
  const { theta, maxPositionEmbeddings: window, originalWindow = window, factor = 1 } = parameters;
  switch (config.model_type) {
    case "qwen2":
      if (window === longWindow && [config.eos_token_id].flat().join() === String(endOfText)) return "qwen2-base";
      // Without a window of its own the block may refer to one that was multiplied already, which has a finding of its own.
      return parameters.originalWindow !== undefined && originalWindow >= longWindow && factor > 1
        ? "qwen2-long"
        : undefined;
    case "qwen3":
      return theta >= 5e6 && window >= 262144 && originalWindow < window ? "qwen3-2507" : undefined;
    case "llama":
      return theta === 5e5 && window >= longWindow ? "llama3" : undefined;
    default:
      return undefined;
  }
}
