import type { ServingPlan } from "./plan.ts";
import type { ServingStep } from "./settings.ts";
import { blockAsJson, command, modelPath, quoteForShell, revisionFlag } from "./shell.ts";
import { blockOf } from "./vllm.ts";

/**
 * SGLang's server. Under transformers 5 `rope_scaling` is another name of `rope_parameters`, which has the base inside: with it the same block serves both.
 *
 * @see https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/configs/model_config.py `_derive_context_length`
 * @see https://github.com/sgl-project/sglang/issues/2108
 */
export function sglangSteps(plan: ServingPlan): readonly ServingStep[] {
  const block = blockOf(plan);
  const { rope_theta } = plan.inspection.config;
  const text = command(
    `${sglangRefusesLength(plan) ? "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1 \\\n  " : ""}python -m sglang.launch_server`,
    `--model-path ${quoteForShell(modelPath(plan.inspection))}`,
    revisionFlag(plan.inspection),
    `--context-length ${plan.context}`,
    block ? `--json-model-override-args '{${blockAsJson("rope_scaling", { ...block, rope_theta })}}'` : "",
  );
  return [{ purpose: "serve", version: null, language: "shell", text }];
}

/**
 * Whether SGLang takes the length for more than the model has. With an original window in the block it looks at `max_position_embeddings` alone.
 *
 * @see https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/utils/hf_transformers_utils.py `get_context_length`
 */
export function sglangRefusesLength({ context, scaling, inspection }: ServingPlan): boolean {
  const window = inspection.config.max_position_embeddings;
  const isStretched = scaling !== null && ["linear", "dynamic"].includes(scaling.method);
  return context > window * (isStretched ? scaling.factor : 1);
}
