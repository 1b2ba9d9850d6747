import type { AdapterInspection } from "./adapter-inspection.ts";
import type { ModelSource } from "./source.ts";

/**
 * Looks at an adapter (PEFT LoRA) without its base and without reading its matrices: what it changes and how much, its size, at which length it was tuned, and
 * what keeps it from being loaded. What depends on the base, `inspectModel` with the option `adapters` tells.
 *
 * @param source - as in the option `adapters` of `loadModel`; of an adapter on the Hub that is not in the cache, the files are read where they lie
 * @throws SkeinError (`not_found`, `invalid_checkpoint`, ...) when it cannot be read; InvalidConfigError when its configuration cannot be followed; the signal's
 * reason
 *
 * @example
 * const { baseModel, rule, tuning, warnings } = await inspectAdapter("./law-lora");
 * rule?.scale; // 2
 * warnings; // []: it can be loaded beside a base that it fits
 */
export async function inspectAdapter(
  source: ModelSource,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AdapterInspection> {
  const { inspectAdapterAlone } = await import("./inspect-files.ts");
  return await inspectAdapterAlone(source, options);
}
