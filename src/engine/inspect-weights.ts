import type { TensorIndex } from "../checkpoint/tensors.ts";
import type { WeightsInspection } from "./inspection.ts";

/**
 * Counts tensors by their headers.
 *
 * @param optional - patterns of names that are not counted
 */
export function inspectWeights(tensors: TensorIndex, optional: readonly RegExp[] = []): WeightsInspection {
  const types: Record<string, number> = {};
  const files = new Set<string>();
  let parameters = 0;
  let bytes = 0;
  for (const name of tensors.names) {
    const entry = tensors.entry(name);
    if (entry === undefined || optional.some((pattern) => pattern.test(name))) continue;
    const size = entry.shape.reduce((product, length) => product * length, 1);
    parameters += size;
    bytes += entry.end - entry.start;
    types[entry.dtype] = (types[entry.dtype] ?? 0) + size;
    files.add(entry.file);
  }
  return { parameters, bytes, files: files.size, types };
}
