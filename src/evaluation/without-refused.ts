import type { EvaluationResult } from "./result.ts";

/** A result without the samples that a server refused: these are in no cell. */
export function withoutRefused(result: EvaluationResult): EvaluationResult {
  return { ...result, samples: result.samples.filter((sample) => !("refused" in sample && sample.refused)) };
}
