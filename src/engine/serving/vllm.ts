import type { ServingPlan } from "./plan.ts";
import type { ServingStep } from "./settings.ts";
import { blockAsJson, command, modelPath, quoteForShell, revisionFlag } from "./shell.ts";

/**
 * `vllm serve`. The block is called `rope_parameters` from 0.12 on, with the base inside; before it was `rope_scaling`, and up to 0.11.0 an option of its own.
 *
 * @see https://docs.vllm.ai/en/stable/features/context_extension/
 * @see https://github.com/vllm-project/vllm/pull/28542 (0.12), https://github.com/vllm-project/vllm/pull/28006 (0.11.1)
 */
export function vllmSteps(plan: ServingPlan): readonly ServingStep[] {
  const serve = (overrides: string): string =>
    command(
      `${lengthIsRefused(plan) ? "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 " : ""}vllm serve ${quoteForShell(modelPath(plan.inspection))}`,
      revisionFlag(plan.inspection),
      `--max-model-len ${plan.context}`,
      overrides === "" ? "" : `--hf-overrides '{${overrides}}'`,
    );
  const step = { purpose: "serve", language: "shell" } as const;
  const block = blockOf(plan);
  if (block === undefined) return [{ ...step, version: null, text: serve("") }];
  const withTheta = blockAsJson("rope_parameters", { ...block, rope_theta: plan.inspection.config.rope_theta });
  // A block that the file has wins over the override of the other name, so both are given then.
  const isDeclared = plan.inspection.context.declared !== "default";
  const older = plan.change === "plain" ? '"rope_scaling": null' : blockAsJson("rope_scaling", block);
  return [
    { ...step, version: "vLLM 0.12 and newer", text: serve(isDeclared ? `${older},\n    ${withTheta}` : withTheta) },
    { ...step, purpose: "older", version: "vLLM before 0.12", text: serve(older) },
  ];
}

/** The scaling block that an engine on transformers is given; undefined where the files say it already. */
export function blockOf({ change, scaling }: ServingPlan): Readonly<Record<string, string | number>> | undefined {
  if (change === "plain") return { rope_type: "default" };
  if (change === "nothing" || scaling === null) return undefined;
  const { method, factor, originalWindow, beta } = scaling;
  const bounds = beta ? { beta_fast: beta.fast, beta_slow: beta.slow } : {};
  return { rope_type: method, factor, original_max_position_embeddings: originalWindow, ...bounds };
}

/**
 * Whether vLLM takes the length for more than the model has: the least of `max_position_embeddings` and the tokenizer's `model_max_length`, or what a
 * scaling makes of it.
 *
 * @see https://github.com/vllm-project/vllm/blob/main/vllm/config/model.py `_get_and_verify_max_len`
 */
export function lengthIsRefused({ context, scaling, inspection }: ServingPlan): boolean {
  const { config, tokenizerMaxLength } = inspection;
  const window = Math.min(config.max_position_embeddings, tokenizerMaxLength ?? Number.POSITIVE_INFINITY);
  if (scaling === null || scaling.method === "llama3" || scaling.method === "longrope") return context > window;
  return context > scaling.factor * (scaling.method === "yarn" ? scaling.originalWindow : window);
}
