import type { ServingPlan } from "./plan.ts";
import type { ServingStep } from "./settings.ts";
import { blockFields, modelPath, quoteForPython, revisionOf } from "./shell.ts";
import { blockOf } from "./vllm.ts";

/**
 * A configuration that is changed before the model is made: frequencies are computed then, and never again.
 *
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/modeling_rope_utils.py
 */
export function transformersSteps(plan: ServingPlan): readonly ServingStep[] {
  const step = { purpose: "serve", language: "python" } as const;
  const block = blockOf(plan);
  if (block === undefined) return [{ ...step, version: null, text: program(plan, "", 'dtype="auto"') }];
  const withTheta = { ...block, rope_theta: plan.inspection.config.rope_theta };
  const older = plan.change === "plain" ? "config.rope_scaling = None" : assignment("rope_scaling", block);
  const newer = program(plan, assignment("rope_parameters", withTheta), 'dtype="auto"');
  return [
    { ...step, version: "transformers 5", text: newer },
    { ...step, purpose: "older", version: "transformers 4.57", text: program(plan, older, 'torch_dtype="auto"') },
  ];
}

function program({ inspection }: ServingPlan, change: string, type: string): string {
  const name = quoteForPython(modelPath(inspection));
  const revision = revisionOf(inspection);
  const chosen = revision === undefined ? "name" : "name, revision=revision";
  const classes = change === "" ? "AutoModelForCausalLM" : "AutoConfig, AutoModelForCausalLM";
  return [
    `from transformers import ${classes}`,
    "",
    `name = ${name}`,
    ...(revision === undefined ? [] : [`revision = ${quoteForPython(revision)}`]),
    ...(change === "" ? [] : [`config = AutoConfig.from_pretrained(${chosen})`, change]),
    "model = AutoModelForCausalLM.from_pretrained(",
    `    ${chosen}, ${change === "" ? "" : "config=config, "}${type})`,
  ].join("\n");
}

function assignment(field: string, block: Readonly<Record<string, string | number>>): string {
  return [`config.${field} = {`, ...blockFields(block).map((entry) => `    ${entry},`), "}"].join("\n");
}
