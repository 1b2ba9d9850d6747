import { SkeinError } from "../index.ts";
import { type MeasuredDifference, measureDifferences } from "./cell-difference.ts";
import { isSameMethod, type MethodUse } from "./method-use.ts";
import type { Cell, EvaluationResult, Subject } from "./result.ts";
import { adjustForMany } from "./significance.ts";
import { withoutRefused } from "./without-refused.ts";

/** What differs between two results. Plain data. */
export interface EvaluationComparison {
  readonly type: "evaluation-comparison";
  readonly version: 1;
  readonly a: Pick<Subject, "kind" | "name">;
  readonly b: Pick<Subject, "kind" | "name">;
  /** What a reader has to know before taking a difference for that of the models. */
  readonly notes: readonly ComparisonNote[];
  readonly rows: readonly ComparedCell[];
  /** Cells that the other has not. */
  readonly onlyA: readonly CellName[];
  readonly onlyB: readonly CellName[];
  /** Rows in which all pairs are exactly equal. */
  readonly equal: number;
  /** Of the other rows: 95 % intervals that leave out no difference, and how many of these are to be expected where there is none. */
  readonly outside: number;
  readonly expected: number;
}

/** A setting in which the two differ; or `tokenizer`: perplexities of other tokens are not compared. */
export type ComparisonNote =
  | { readonly code: "setting"; readonly field: SettingName; readonly a: string; readonly b: string }
  | { readonly code: "tokenizer" };

export type SettingName =
  | "model"
  | "nativeWindow"
  | "weights"
  | "cache"
  | "backend"
  | "skein"
  | "text"
  | "seed"
  | "share"
  | "machine";

export type CellName = Pick<Cell, "suite" | "task" | "method" | "factor" | "length">;

/** From the first result to the second, in one measure of a cell. */
export interface ComparedCell extends CellName, MeasuredDifference {
  /** Of the second result, where a server is compared with methods. */
  readonly other?: MethodUse;
  /** By Holm's correction for all rows. */
  readonly adjusted?: number;
  /** Whether that is below 0.05. */
  readonly differs: boolean;
}

/**
 * Compares every cell that both have. A server, whose method nobody knows, is compared with every method of the other result.
 *
 * @throws SkeinError (code `nothing_to_compare`) where no cell is in both
 */
export function compareEvaluations(first: EvaluationResult, second: EvaluationResult): EvaluationComparison {
  const [a, b] = [withoutRefused(first), withoutRefused(second)];
  const matches = a.cells.flatMap((cell) =>
    b.cells.filter((other) => isSamePlace(cell, other)).map((other) => ({ cell, other })),
  );
  const isOtherTokens = hasOtherTokens(a, b);
  const found = matches.flatMap(({ cell, other }) =>
    (isOtherTokens && cell.suite !== "passkey" && cell.suite !== "retrieval" && cell.suite !== "speed"
      ? []
      : measureDifferences({ cell, samples: a.samples }, { cell: other, samples: b.samples })
    ).map((difference) => ({
      ...nameOf(cell),
      ...(isSameMethod(cell, other) ? {} : { other: { method: other.method, factor: other.factor } }),
      ...difference,
    })),
  );
  if (found.length === 0) {
    const what = isOtherTokens && matches.length > 0 ? "perplexities of other tokens cannot be compared, and" : "";
    const message = `The two results have nothing to compare: ${what} no suite, task, method, factor and length is in both.`;
    throw new SkeinError("nothing_to_compare", message.replaceAll(/ {2,}/g, " "));
  }
  const rows = withVerdicts(found);
  const unequal = rows.filter(({ changed }) => changed !== 0);
  return {
    type: "evaluation-comparison",
    version: 1,
    a: { kind: a.subject.kind, name: a.subject.name },
    b: { kind: b.subject.kind, name: b.subject.name },
    notes: findNotes(a, b, isOtherTokens),
    rows,
    onlyA: a.cells.filter((cell) => !b.cells.some((other) => isSamePlace(cell, other))).map(nameOf),
    onlyB: b.cells.filter((cell) => !a.cells.some((other) => isSamePlace(cell, other))).map(nameOf),
    equal: rows.length - unequal.length,
    outside: unequal.filter(leavesOutNone).length,
    expected: unequal.filter(({ interval }) => interval !== undefined).length * 0.05,
  };
}

function withVerdicts(found: readonly (CellName & MeasuredDifference)[]): readonly ComparedCell[] {
  const tested = found.filter(({ probability }) => probability !== undefined);
  const adjusted = new Map(
    adjustForMany(tested.map(({ probability }) => probability!)).map((probability, i) => [tested[i], probability]),
  );
  return found.map((row): ComparedCell => {
    const probability = adjusted.get(row);
    if (probability === undefined) return { ...row, differs: false };
    return { ...row, adjusted: probability, differs: probability < 0.05 };
  });
}

function leavesOutNone({ interval, isRatio }: MeasuredDifference): boolean {
  const none = isRatio ? 1 : 0;
  return interval !== undefined && (interval[0] > none || interval[1] < none);
}

function isSamePlace(a: Cell, b: Cell): boolean {
  const isServer = (a.method === "endpoint") !== (b.method === "endpoint");
  return a.suite === b.suite && a.task === b.task && a.length === b.length && (isServer || isSameMethod(a, b));
}

function nameOf({ suite, task, method, factor, length }: Cell): CellName {
  return { suite, task, method, factor, length };
}

/** The same text makes another number of tokens. */
function hasOtherTokens({ settings: a }: EvaluationResult, { settings: b }: EvaluationResult): boolean {
  const isKnown = a.text.tokens !== undefined && b.text.tokens !== undefined;
  return isKnown && a.text.hash === b.text.hash && a.text.tokens !== b.text.tokens;
}

function findNotes(a: EvaluationResult, b: EvaluationResult, isOtherTokens: boolean): readonly ComparisonNote[] {
  const [ofA, ofB] = [settingsOf(a), settingsOf(b)];
  const hasSpeed = [a, b].every(({ cells }) => cells.some(({ suite }) => suite === "speed"));
  const fields = (Object.keys(ofA) as SettingName[]).filter((field) => field !== "machine" || hasSpeed);
  const settings = fields
    .filter((field) => ofA[field] !== ofB[field])
    .map((field): ComparisonNote => ({ code: "setting", field, a: ofA[field], b: ofB[field] }));
  return [...settings, ...(isOtherTokens ? [{ code: "tokenizer" } as const] : [])];
}

function settingsOf({ subject, settings }: EvaluationResult): Readonly<Record<SettingName, string>> {
  const { skein, text, seed, share, machine } = settings;
  return {
    model: subject.name,
    nativeWindow: String(subject.nativeWindow),
    weights: subject.weights ?? "",
    cache: subject.cache ?? "",
    backend: subject.backend ?? "",
    skein,
    text: `${text.name} (${text.hash.slice(0, 8)})`,
    seed: String(seed),
    share: String(share),
    machine: [machine.processor, machine.threads ?? machine.cores].join(", "),
  };
}
