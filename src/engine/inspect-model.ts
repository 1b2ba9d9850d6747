import type { InspectOptions, ModelInspection } from "./inspection.ts";
import type { ModelSource } from "./source.ts";

/**
 * Looks at a model without reading its weights: windows, position encoding, what YaRN would do, memory, end tokens, and mistakes in its
 * configuration.
 *
 * @param source - as for `loadModel`; `config.json` is enough. Of a model on the Hub that is not in the cache, what is built in
 * (`Qwen/Qwen2-7B-Instruct`), or its files as they lie there: nothing is downloaded to be kept
 * @throws InvalidConfigError, UnsupportedError when the configuration cannot be followed; SkeinError (`not_found`,
 * `invalid_checkpoint`, ...) when it cannot be read; the signal's reason
 *
 * @example
 * const { context, yarn } = await inspectModel("Qwen/Qwen2-7B-Instruct");
 * context.nativeWindow; // 32768
 * yarn?.option; // { extend: "yarn", factor: 4 }
 */
export async function inspectModel(source: ModelSource, options: InspectOptions = {}): Promise<ModelInspection> {
  const { inspectFiles } = await import("./inspect-files.ts");
  return await inspectFiles(source, options);
}
