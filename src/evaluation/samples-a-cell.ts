import type { EvaluationResult } from "./result.ts";

/**
 * How many samples the cells have, `5–60`, or as many as were asked for where there is no cell: speed takes fewer, and a text may have fewer passages.
 *
 * @param show - writes a number
 */
export function samplesACell(
  { cells, settings }: Pick<EvaluationResult, "cells" | "settings">,
  show: (count: number) => string = String,
): string {
  const counts = cells.length === 0 ? [settings.samples] : cells.map(({ samples }) => samples);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? show(most) : `${show(least)}–${show(most)}`;
}
