import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32, f32x4, i8x16, i16x8, i32, i32x4, type Local, type Value, v128 } from "../builder/values.ts";
import { copyRow } from "./copy-row.ts";
import { smallest } from "./quantise-lanes.ts";
import { rotateRow } from "./rotate-row.ts";
import { mostRows, queryRecord } from "./row-records.ts";
import { advanceQuery, queryBytes } from "./row-variants.ts";
import { acrossLanes } from "./softmax-state.ts";
import { queryOffset } from "./tile-layout.ts";

/** The largest number that a query's bytes hold beside their offset. */
const largestQuery = 63;
/** The largest of a fine query's two planes together, and the offset: {@link queryOffset} in the upper plane. */
const largestFineQuery = 4095;
const fineOffset = 64 * queryOffset;

/**
 * Rotates the queries of an item, scales them, and lays them out in query records.
 *
 *   queries      f32, the first token's and head's row; `stride` bytes from token to token, heads side by side
 *   cos, sin     f32 [tokens][pairs]
 *   multipliers  f32 [headDim], read if `multiply` is 1
 *   records      where the query records go
 *   row          f32 [width], for passing use
 *   group        heads, the item's
 *   scale        what makes exponents of 2 of scores: log2(e) / √headDim
 *   limit        how many keys of the tile the first token sees; every token sees one more than the one before
 *   planes       of bytes: 0 (none), 1, or 2 (fine queries)
 */
export const prepareQueries: Kernel = defineKernel(
  "prepareQueries",
  {
    queries: "address",
    stride: "i32",
    cos: "address",
    sin: "address",
    multipliers: "address",
    multiply: "i32",
    records: "address",
    row: "address",
    tokens: "i32",
    group: "i32",
    headDim: "i32",
    pairs: "i32",
    width: "i32",
    scale: "f32",
    limit: "i32",
    planes: "i32",
  },
  (code, p) => {
    const token = code.local("address", p.queries);
    const cos = code.local("address", p.cos);
    const sin = code.local("address", p.sin);
    const record = code.local("address", p.records);
    const limit = code.local("i32", p.limit);
    const head = code.local("i32", i32.const(0));
    const pairBytes = code.local("i32", i32.shl(p.pairs, i32.const(2)));
    const scale = code.local("v128", f32x4.splat(p.scale));

    const rows = code.local("i32", i32.mul(p.tokens, p.group));
    const records = i32.divU(i32.add(rows, i32.const(mostRows - 1)), i32.const(mostRows));
    const count = code.local("i32");

    code.repeat(records, () => {
      code.set(count, i32.const(mostRows));
      code.if(i32.ltU(rows, i32.const(mostRows)), () => code.set(count, rows));
      code.set(rows, i32.sub(rows, count));
      code.storeI32(record, count, queryRecord.rows);
      const field = code.local("address", record);
      const numbers = code.local("address", code.offset(record, queryRecord.numbers));
      const bytes = code.local("address", queryBytes(code, record, p.width));
      const left = code.local("i32", count);
      code.repeatAtLeastOnce(left, () => {
        code.call(copyRow, {
          source: code.offset(token, i32.mul(head, i32.shl(p.headDim, i32.const(2)))),
          multipliers: p.multipliers,
          target: p.row,
          multiply: p.multiply,
          headDim: p.headDim,
          width: p.width,
        });
        code.call(rotateRow, { row: p.row, cos, sin, pairs: p.pairs });
        code.storeI32(field, limit, queryRecord.limits);
        code.storeI32(record, limit, queryRecord.lastLimit);
        const largest = spreadNumbers(code, p.row, numbers, count, p.width, scale);
        code.if(i32.eq(p.planes, i32.const(1)), () => {
          const factor = quantisingFactor(code, largest, field, largestQuery);
          spreadBytes(code, p.row, bytes, count, p.width, (four) => [
            i32x4.add(rounded(four, factor), code.constant(i32x4.const(queryOffset))),
          ]);
        });
        code.if(i32.eq(p.planes, i32.const(2)), () => {
          const factor = quantisingFactor(code, largest, field, largestFineQuery);
          spreadBytes(code, p.row, bytes, count, p.width, (four) => {
            const integers = code.local(
              "v128",
              i32x4.add(rounded(four, factor), code.constant(i32x4.const(fineOffset))),
            );
            return [i32x4.shrU(integers, 6), v128.and(integers, code.constant(i32x4.const(63)))];
          });
        });
        for (const address of [field, numbers, bytes]) code.advance(address, 4);
        code.set(head, i32.add(head, i32.const(1)));
        code.if(i32.eq(head, p.group), () => {
          code.set(head, i32.const(0));
          code.set(limit, i32.add(limit, i32.const(1)));
          code.advance(token, p.stride);
          code.advance(cos, pairBytes);
          code.advance(sin, pairBytes);
        });
      });
      advanceQuery(code, record, p.width);
    });
  },
);

/**
 * Scales a row in place and spreads it over a record, [width][M].
 * @param to - where the row's first number goes
 * @returns the largest magnitude, in all lanes
 */
function spreadNumbers(
  code: Code,
  row: Value<"address">,
  to: Value<"address">,
  rows: Value<"i32">,
  width: Value<"i32">,
  scale: Value<"v128">,
): Local<"v128"> {
  const from = code.local("address", row);
  const stride = code.local("i32", i32.shl(rows, i32.const(2)));
  const target = code.local("address", to);
  const vector = code.local("v128");
  const largest = code.local("v128", v128.zero);
  code.repeat(i32.shrU(width, i32.const(2)), () => {
    code.set(vector, f32x4.mul(code.load(from), scale));
    code.store(from, vector);
    code.set(largest, f32x4.pmax(largest, f32x4.abs(vector)));
    for (let lane = 0; lane < 4; lane++) {
      code.store32Lane(target, vector, lane);
      code.advance(target, stride);
    }
    code.advance(from, 16);
  });
  return acrossLanes(code, largest, f32x4.pmax);
}

/** Notes a row's scale in its record. @returns what to multiply the row by, in all lanes */
function quantisingFactor(code: Code, largest: Local<"v128">, field: Value<"address">, integer: number): Local<"v128"> {
  const top = code.local("f32", f32x4.extractLane(largest, 0));
  const factor = code.local("v128", v128.zero);
  code.storeF32(field, f32.const(0), queryRecord.scales);
  code.if(f32.gt(top, f32.const(smallest)), () => {
    code.storeF32(field, f32.mul(top, f32.const(1 / integer)), queryRecord.scales);
    code.set(factor, f32x4.div(f32x4.const(integer), largest));
  });
  return factor;
}

function rounded(numbers: Value<"v128">, factor: Value<"v128">): Value<"v128"> {
  return i32x4.truncF32(f32x4.nearest(f32x4.mul(numbers, factor)));
}

/**
 * Spreads a row's bytes over a record, [width / 4][M][4].
 * @param planesOf - the bytes, in 32-bit lanes, that four numbers become, plane by plane
 */
function spreadBytes(
  code: Code,
  row: Value<"address">,
  to: Value<"address">,
  rows: Value<"i32">,
  width: Value<"i32">,
  planesOf: (four: Value<"v128">) => readonly Value<"v128">[],
): void {
  const from = code.local("address", row);
  const stride = code.local("i32", i32.shl(rows, i32.const(2)));
  const target = code.local("address", to);
  const lower = code.local("address");
  code.repeat(i32.shrU(width, i32.const(4)), () => {
    code.set(lower, code.offset(target, i32.mul(width, i32.const(mostRows))));
    const fours = [0, 1, 2, 3].map((i) => planesOf(code.load(from, i * 16)).map((plane) => code.local("v128", plane)));
    for (const [plane, place] of [target, lower].slice(0, fours[0]!.length).entries()) {
      const [a, b, c, d] = fours.map((four) => four[plane]!) as [
        Local<"v128">,
        Local<"v128">,
        Local<"v128">,
        Local<"v128">,
      ];
      const vector = code.local("v128", i8x16.narrowI16(i16x8.narrowI32(a, b), i16x8.narrowI32(c, d)));
      for (let lane = 0; lane < 4; lane++) {
        code.store32Lane(place, vector, lane);
        code.advance(place, stride);
      }
    }
    code.advance(from, 64);
  });
}
