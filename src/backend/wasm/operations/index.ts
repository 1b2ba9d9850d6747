import type { Operation } from "../thread.ts";
import { type AttentionKernels, attend, attendItem, mergeItem, mergeSpans } from "./attention.ts";
import { type CacheKernels, quantise, quantiseItem, rerotate, rerotateItem, writeCache, writeItem } from "./cache.ts";
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
  writeCache: ofItems<CacheKernels>(writeCache, writeItem.length),
  quantise: ofItems<CacheKernels>(quantise, quantiseItem.length),
  rerotate: ofItems<CacheKernels>(rerotate, rerotateItem.length),
  attend: ofItems<AttentionKernels>(attend, attendItem.length),
  mergeSpans: ofItems<AttentionKernels>(mergeSpans, mergeItem.length),
  pack,
};

/** What records name by an index. */
export const operations: readonly Operation[] = Object.values(byName);

/** The operations' indices. */
export const operationIds: Readonly<Record<OperationName, number>> = Object.fromEntries(
  Object.keys(byName).map((name, index) => [name, index]),
) as Record<OperationName, number>;

/** An operation whose arguments are its items' descriptions, one after the other. */
function ofItems<K>(
  run: (kernels: K, scratch: number, numbers: Float64Array, at: number) => void,
  length: number,
): Operation {
  return ({ kernels, scratch }, numbers, at, item) => run(kernels as K, scratch, numbers, at + item * length);
}
