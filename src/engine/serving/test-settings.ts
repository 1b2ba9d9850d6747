import { inspectModel } from "../inspect-model.ts";
import type { InspectOptions, ModelInspection } from "../inspection.ts";
import { qwen2Instruct } from "../test-configs.ts";
import type { ServingStep } from "./settings.ts";

/** As from a folder: files in memory have no path that an engine could be given. */
export async function inspectFolder(
  config: object,
  { tokenizer = {}, ...options }: InspectOptions & { readonly tokenizer?: object } = {},
): Promise<ModelInspection> {
  const json = (value: object) => new Blob([JSON.stringify(value)]);
  const inspection = await inspectModel(
    { "config.json": json({ ...qwen2Instruct, ...config }), "tokenizer_config.json": json(tokenizer) },
    options,
  );
  return { ...inspection, name: "./Qwen 2" };
}

/** As it is built in. */
export function published(name = "Qwen/Qwen2-7B-Instruct"): Promise<ModelInspection> {
  return inspectModel(name);
}

export function asGguf(inspection: ModelInspection): ModelInspection {
  return { ...inspection, format: "gguf", origin: "checkpoint", hub: null, name: "./qwen2-7b-instruct-q4_k_m.gguf" };
}

/** The last step that is not for an earlier version. */
export function serve({ steps }: { readonly steps: readonly ServingStep[] }): string {
  return steps.findLast(({ purpose }) => purpose === "serve")!.text;
}
