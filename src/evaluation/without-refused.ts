import type { EvaluationResult, Sample } from "./result.ts";

/** A result without the samples that a server refused, or did not let be timed: these are in no cell. */
export function withoutRefused(result: EvaluationResult): EvaluationResult {
  return { ...result, samples: result.samples.filter((sample) => !isRefused(sample)) };
}

function isRefused(sample: Sample): boolean {
  return ("refused" in sample && sample.refused === true) || ("untimed" in sample && sample.untimed === true);
}
