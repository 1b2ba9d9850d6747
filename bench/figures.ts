import { UsageError } from "../src/cli/errors.ts";
import type { Measurement, SavedText, Task } from "./engine.ts";
import { answerRoom } from "./run-task.ts";
import type { Shape } from "./shapes.ts";
import { median } from "./statistics.ts";

/**
 * One line of a report: `load@first` and `load@second` (start), `prefill@N` (average over a prompt of N tokens), `decode@N` (behind N tokens),
 * `memory@N` (the peak with a window of N tokens in use).
 */
export interface Figure {
  readonly name: string;
  readonly kind: "load" | "prefill" | "decode" | "memory";
  /** Tokens; 0 for `load`. */
  readonly tokens: number;
  readonly unit: "s" | "tok/s" | "GiB";
}

/** By how much YaRN stretches the window where a figure needs it. */
const largestFactor = 4;
/** Texts up to this length are read anew each time; longer ones are saved. */
const longestUnsaved = 1024;
/** The end of a window is really read where its memory is measured: a step of a prompt takes memory, too. */
const lastPiece = 2048;

const units = { load: "s", prefill: "tok/s", decode: "tok/s", memory: "GiB" } as const;

/** @throws UsageError unless the text names a figure that can be measured on the shape */
export function parseFigure(text: string, shape: Shape): Figure {
  const match = /^(?:(load)@(?:first|second)|(prefill|decode|memory)@([1-9]\d{0,7}))$/.exec(text);
  if (!match)
    throw new UsageError(
      `${text} is not a figure: they are written load@first, load@second, prefill@512, decode@128, memory@32768`,
    );
  const kind = (match[1] ?? match[2]) as Figure["kind"];
  const figure: Figure = { name: text, kind, tokens: Number(match[3] ?? 0), unit: units[kind] };
  const largest = largestWindow(shape);
  const least = kind === "load" ? 0 : kind === "memory" ? 2 * answerRoom : 1;
  if (figure.tokens > largest || figure.tokens < least)
    throw new UsageError(`${text} cannot be measured: ${kind} takes ${least} to ${largest} tokens`);
  return figure;
}

/**
 * What one process does for a figure. A text that fills the largest window is measured behind as much of it as leaves room for an answer.
 *
 * @param pathOf - where a text of this length is kept once it was read
 */
export function taskOf(figure: Figure, shape: Shape, pathOf: (length: number) => string): Task {
  const { kind, tokens } = figure;
  if (kind === "load") return { kind };
  const textOf = (length: number): SavedText => ({
    length,
    path: length > longestUnsaved ? pathOf(length) : undefined,
  });
  if (kind === "memory") {
    const all = tokens - answerRoom;
    const text = textOf(Math.max(1, all - lastPiece));
    return { kind: "decode", text, longest: tokens, readOn: all - text.length };
  }
  const text = textOf(Math.min(tokens, largestWindow(shape) - answerRoom));
  // Past the native window a longer text has another factor, so that nothing of a shorter one can be kept.
  if (kind === "decode") return { kind, text, fromShorter: roomFor(figure, shape) <= shape.max_position_embeddings };
  return { kind, tokens, save: text.path === undefined ? undefined : text };
}

/** @returns the most tokens that a sequence has while the figure is measured */
export function roomFor({ kind, tokens }: Figure, shape: Shape): number {
  return Math.min(kind === "memory" ? tokens : tokens + answerRoom, largestWindow(shape));
}

/**
 * Reading and answering at these depths of one text.
 *
 * @throws UsageError unless the lengths ascend, within the largest window
 */
export function growthOf(lengths: readonly number[], shape: Shape): GrowthPlan {
  const longest = lengths.at(-1) ?? 0;
  const largest = largestWindow(shape);
  if (longest === 0 || longest > largest || lengths.some((length, i) => length <= (lengths[i - 1] ?? 0)))
    throw new UsageError(`--lengths must ascend, and end at ${largest} or before`);
  return { lengths, room: Math.min(longest + answerRoom, largest) };
}

/** Lengths to measure at, and the most tokens that the sequence has meanwhile. */
export interface GrowthPlan {
  readonly lengths: readonly number[];
  readonly room: number;
}

/** @returns the most tokens of a sequence, with its window extended */
export function largestWindow({ max_position_embeddings }: Shape): number {
  return max_position_embeddings * largestFactor;
}

/** The number that the report shows of a measurement, in the figure's unit. */
export function figureValue({ kind }: Figure, { loadSeconds, rates, peakBytes }: Measurement): number {
  if (kind === "load") return loadSeconds;
  return kind === "memory" ? peakBytes / 2 ** 30 : median(rates);
}

/** @returns the best of several values: the fastest, or the smallest */
export function bestOf({ unit }: Figure, values: readonly number[]): number {
  return unit === "tok/s" ? Math.max(...values) : Math.min(...values);
}

/** As people read it, without the unit. */
export function formatValue({ unit }: Figure, value: number): string {
  if (unit === "tok/s") return value < 100 ? value.toFixed(1) : value.toFixed(0);
  return value.toFixed(2);
}
