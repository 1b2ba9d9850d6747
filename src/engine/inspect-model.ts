import type { InspectOptions, ModelInspection } from "./inspection.ts";
import type { ModelSource } from "./source.ts";

/**
 * Looks at a model without reading its weights: windows, position encoding, what YaRN would do, memory, end tokens, and mistakes in its
 * configuration.
 *
 * @param source - a folder, a URL or files, as for `loadModel`; `config.json` is enough. Or a published name, whose configuration is
 * built in (`Qwen/Qwen2-7B-Instruct`); a folder of that name comes first
 * @throws InvalidConfigError, UnsupportedError when the configuration cannot be followed; SkeinError (`not_found`,
 * `invalid_checkpoint`, ...) when it cannot be read
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
