import type { Code } from "../builder/code.ts";
import { f32x4, i32, type Local, shuffle32, type Value } from "../builder/values.ts";
import { powerOfTwo } from "./exponential.ts";
import { laneBytes, queryRecord, stateRecord, workspace } from "./row-records.ts";
import { tileTokens } from "./tile-layout.ts";

/** A score that no other is below: that of a key which is not to be seen. */
export const lowestScore = -1e30;

type Join = (a: Value<"v128">, b: Value<"v128">) => Value<"v128">;

/**
 * Runs the body where a row does not see the tile's first keys, since its window begins after them. Every token's window begins one key after that of the token
 * before it, as its part of its own tile ends one key later: the first key seen is (keys seen of the own tile) + slid - (keys of a tile).
 *
 * @param rowLimit - the row's place in its query record
 * @param slid - 0: rows see this tile from its first key on
 * @param body - gets how many keys are hidden, at least one
 */
export function slidingStart(
  code: Code,
  rowLimit: Value<"address">,
  slid: Value<"i32">,
  body: (count: Local<"i32">) => void,
): void {
  const count = code.local("i32");
  code.if(slid, () => {
    code.set(count, i32.sub(i32.add(code.loadI32(rowLimit, queryRecord.limits), slid), i32.const(tileTokens)));
    code.if(i32.gtS(count, i32.const(0)), () => body(count));
  });
}

/** @returns what all lanes come to, in all lanes */
export function acrossLanes(code: Code, vector: Value<"v128">, join: Join): Local<"v128"> {
  const all = code.local("v128", vector);
  code.set(all, join(all, shuffle32(all, all, [2, 3, 0, 1])));
  code.set(all, join(all, shuffle32(all, all, [1, 0, 3, 2])));
  return all;
}

/**
 * Takes a tile's largest exponents into the rows' states, and notes in the workspace by what the old states and the tile's parts are to be
 * multiplied. The largest of each of a row's eight lanes stand at `workspace.lanes`; afterwards, what they come to, at `workspace.largest`.
 *
 * @param scales - what makes exponents of scores, row by row; none if they are exponents
 * @param unit - what a weight of 1 is in the tile's weights
 */
export function raiseMaxima(
  code: Code,
  rows: Value<"i32">,
  state: Value<"address">,
  work: Value<"address">,
  unit: number,
  scales?: Value<"address">,
): void {
  forFourRows(code, rows, [work, state, work, scales ?? work], ([lanes, states, factors, scale]) => {
    const largest = code.local("v128", transposed(code, lanes!, f32x4.pmax));
    if (scales) code.set(largest, f32x4.mul(largest, code.load(scale!)));
    code.store(factors!, largest, workspace.largest);
    const old = code.local("v128", code.load(states!, stateRecord.maxima));
    const maximum = code.local("v128", f32x4.pmax(old, largest));
    code.store(states!, maximum, stateRecord.maxima);
    code.store(factors!, powerOfTwo(code, f32x4.sub(old, maximum)), workspace.keep);
    const part = powerOfTwo(code, f32x4.sub(largest, maximum));
    code.store(factors!, unit === 1 ? part : f32x4.mul(part, code.constant(f32x4.const(1 / unit))), workspace.part);
  });
}

/**
 * Takes the sums of a tile's weights into the rows' states. A row's eight parts stand at `workspace.lanes`.
 *
 * @param join - adds two vectors
 * @param toFloat - makes float32 of what that gives
 */
export function addSums(
  code: Code,
  rows: Value<"i32">,
  state: Value<"address">,
  work: Value<"address">,
  join: Join,
  toFloat: (sums: Value<"v128">) => Value<"v128"> = (sums) => sums,
): void {
  forFourRows(code, rows, [work, state, work], ([lanes, states, factors]) => {
    const part = f32x4.mul(toFloat(transposed(code, lanes!, join)), code.load(factors!, workspace.part));
    const old = code.load(states!, stateRecord.sums);
    code.store(states!, code.multiplyAdd(old, code.load(factors!, workspace.keep), part), stateRecord.sums);
  });
}

/** Writes a loop over rows, four at once, with addresses of lanes (four pairs of vectors) and of others (one vector each) that move along. */
function forFourRows(
  code: Code,
  rows: Value<"i32">,
  [lanes, ...others]: readonly Value<"address">[],
  body: (addresses: readonly Value<"address">[]) => void,
): void {
  const addresses = [lanes!, ...others].map((address) => code.local("address", address));
  code.repeat(i32.shrU(i32.add(rows, i32.const(3)), i32.const(2)), () => {
    body(addresses);
    for (const [i, address] of addresses.entries()) code.advance(address, i === 0 ? 4 * laneBytes : 16);
  });
}

/** @returns what the lanes of each of four rows come to, in the row's lane; always in the same order */
function transposed(code: Code, work: Value<"address">, join: Join): Value<"v128"> {
  const [a, b, c, d] = [0, 1, 2, 3].map((row) => {
    const offset = workspace.lanes + row * laneBytes;
    return code.local("v128", join(code.load(work, offset), code.load(work, offset + 16)));
  });
  const two = (x: Value<"v128">, y: Value<"v128">) =>
    code.local("v128", join(shuffle32(x, y, [0, 4, 1, 5]), shuffle32(x, y, [2, 6, 3, 7])));
  const [first, second] = [two(a!, b!), two(c!, d!)];
  return join(shuffle32(first, second, [0, 1, 4, 5]), shuffle32(first, second, [2, 3, 6, 7]));
}
