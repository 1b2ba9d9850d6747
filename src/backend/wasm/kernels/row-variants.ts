import type { Code } from "../builder/code.ts";
import { i32, type Local, type Value } from "../builder/values.ts";
import { mostRows, numberBytes, queryChannelBytes, queryRecord, stateRecord } from "./row-records.ts";

/** Defines a function for each number of rows of a record, from 1 up; the one for M rows stands at M - 1. */
export function forRowCounts<F>(define: (rows: number) => F): readonly F[] {
  return Array.from({ length: mostRows }, (_, i) => define(i + 1));
}

/** @returns where a vector of four lanes begins, in groups of eight that begin at multiples of `groupBytes` */
export function inGroups(vector: number, groupBytes: number): number {
  return (vector >> 1) * groupBytes + (vector & 1) * 16;
}

/** Writes a choice among the variants by a number of rows known only at run time. */
export function chooseVariant<F>(
  code: Code,
  variants: readonly F[],
  rows: Value<"i32">,
  use: (variant: F) => void,
): void {
  const choose = (count: number): void => {
    const take = () => use(variants[count - 1]!);
    if (count === 1) take();
    else code.if(i32.eq(rows, i32.const(count)), take, () => choose(count - 1));
  };
  choose(variants.length);
}

/** Moves on to the next query record. */
export function advanceQuery(code: Code, query: Local<"address">, width: Value<"i32">): void {
  code.advance(query, i32.add(i32.const(queryRecord.numbers), i32.mul(width, i32.const(queryChannelBytes))));
}

/** @returns where the bytes of a query record begin */
export function queryBytes(code: Code, query: Value<"address">, width: Value<"i32">): Value<"address"> {
  return code.offset(query, i32.add(i32.const(queryRecord.numbers), i32.mul(width, i32.const(numberBytes))));
}

/** Moves on to the next state record. */
export function advanceState(code: Code, state: Local<"address">, width: Value<"i32">): void {
  code.advance(state, i32.add(i32.const(stateRecord.values), i32.mul(width, i32.const(numberBytes))));
}
