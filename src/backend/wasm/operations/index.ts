import type { Operation, Thread } from "../thread.ts";
import { attend, attendItem, mergeItem, mergeSpans } from "./attention.ts";
import { quantise, quantiseItem, rerotate, rerotateItem, writeCache, writeItem } from "./cache.ts";
import { linear } from "./linear.ts";
import { pack } from "./pack.ts";
import { makePanel } from "./panels.ts";
import { addRows, embed, gateRows, normRows, takeRows } from "./rows.ts";

/** The names of what a record of the program can ask for. */
export type OperationName =
  | "embed"
  | "normRows"
  | "gateRows"
  | "addRows"
  | "takeRows"
  | "makePanel"
  | "linear"
  | "writeCache"
  | "quantise"
  | "rerotate"
  | "attend"
  | "mergeSpans"
  | "pack";

const byName: Readonly<Record<OperationName, Operation>> = {
  embed,
  normRows,
  gateRows,
  addRows,
  takeRows,
  makePanel,
  linear,
  writeCache: ofItems(writeCache, writeItem.length),
  quantise: ofItems(quantise, quantiseItem.length),
  rerotate: ofItems(rerotate, rerotateItem.length),
  attend: ofItems(attend, attendItem.length),
  mergeSpans: ofItems(mergeSpans, mergeItem.length),
  pack,
};

/** What records name by an index. */
export const operations: readonly Operation[] = Object.values(byName);

/** The operations' indices. */
export const operationIds: Readonly<Record<OperationName, number>> = Object.fromEntries(
  Object.keys(byName).map((name, index) => [name, index]),
) as Record<OperationName, number>;

/** An operation whose arguments are its items' descriptions, one after the other. */
function ofItems(run: (thread: Thread, numbers: Float64Array, at: number) => void, length: number): Operation {
  return (thread, numbers, at, item) => run(thread, numbers, at + item * length);
}
