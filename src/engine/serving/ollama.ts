import { UnsupportedError } from "../../errors.ts";
import { fileEndsEarly, ggufArchitecture, ggufPath, ggufSteps } from "./llama-cpp.ts";
import type { ServingPlan } from "./plan.ts";
import type { ServingStep } from "./settings.ts";
import { command, quoteForShell, shortName } from "./shell.ts";

/**
 * `ollama create`. A Modelfile has no parameter for scaling, and `num_ctx` is cut to the file's `context_length`: both are metadata of the GGUF file, which
 * `llama-quantize` copies with other ones.
 *
 * @see https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx
 * @see https://github.com/ollama/ollama/blob/main/llm/server.go ("requested context size too large for model")
 * @see https://github.com/ollama/ollama/issues/8493
 * @see https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md (--override-kv, COPY)
 */
export function ollamaSteps(plan: ServingPlan): readonly ServingStep[] {
  const name = `${shortName(plan.inspection)}-${plan.context}`;
  const values = metadataOf(plan);
  const [source, copy] = [ggufPath(plan), `${name}.gguf`];
  const metadata = command(
    "llama-quantize",
    ...values.map((value) => `--override-kv ${ggufArchitecture(plan)}.${value}`),
    `${quoteForShell(source)} ${quoteForShell(copy)} COPY`,
  );
  const file = values.length === 0 ? source : copy;
  if (/[\r\n]/.test(file))
    throw new UnsupportedError(`${JSON.stringify(file)}: a Modelfile cannot name a path with a line break; rename it`);
  const isPath = /^([./~]|[a-z]:)/i.test(file);
  const serve = [
    "cat > Modelfile <<'END'",
    `FROM ${isPath ? file : `./${file}`}`,
    `PARAMETER num_ctx ${plan.context}`,
    "END",
    `ollama create ${quoteForShell(name)} -f Modelfile`,
    `ollama run ${quoteForShell(name)}`,
  ].join("\n");
  const step = { version: null, language: "shell" } as const;
  return [
    ...ggufSteps(plan),
    ...(values.length === 0 ? [] : [{ ...step, purpose: "metadata", text: metadata } as const]),
    { ...step, purpose: "serve", text: serve },
  ];
}

/** Keys of the architecture, with types and values, that the file has to have and does not. */
function metadataOf(plan: ServingPlan): readonly string[] {
  const { context, change, scaling } = plan;
  const length = fileEndsEarly(plan) ? [`context_length=int:${context}`] : [];
  if (change === "plain") return [...length, "rope.scaling.type=str:none"];
  if (change === "nothing" || scaling === null) return length;
  return [
    ...length,
    `rope.scaling.type=str:${scaling.method}`,
    `rope.scaling.factor=float:${scaling.factor}`,
    `rope.scaling.original_context_length=int:${scaling.originalWindow}`,
    ...(scaling.beta
      ? [
          `rope.scaling.yarn_beta_fast=float:${scaling.beta.fast}`,
          `rope.scaling.yarn_beta_slow=float:${scaling.beta.slow}`,
        ]
      : []),
  ];
}
