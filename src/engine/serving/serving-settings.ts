import type { ModelInspection } from "../inspection.ts";
import type { ServingOptions, ServingSettings } from "./settings.ts";

/**
 * The exact settings with which another engine serves a model at a length: commands or a program, whether its scaling is static and what that costs below the
 * native window, and the memory of its cache.
 *
 * @param inspection - what `inspectModel` says of the model
 * @throws ContextLengthError past what the model reaches; UnsupportedError where the engine does not have the model's scaling; InvalidOptionError for an
 * engine that is not known or a length that is none
 *
 * @example
 * const inspection = await inspectModel("Qwen/Qwen2-7B-Instruct");
 * const { steps, cache } = await servingSettings(inspection, { engine: "vllm", context: 131072 });
 * steps[0].text; // vllm serve Qwen/Qwen2-7B-Instruct ...
 * cache.bytes; // 7516192768
 */
export async function servingSettings(inspection: ModelInspection, options: ServingOptions): Promise<ServingSettings> {
  const { writeSettings } = await import("./write-settings.ts");
  return writeSettings(inspection, options);
}
