import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32 } from "../builder/values.ts";
import { queryRecord, scoreRowBytes, stateRecord, workspace } from "./row-records.ts";
import { advanceQuery, advanceState, chooseVariant, queryBytes } from "./row-variants.ts";
import { scoresF32 } from "./scores-f32.ts";
import { scoresQ8 } from "./scores-q8.ts";
import { softmaxF32 } from "./softmax-f32.ts";
import { softmaxQ8 } from "./softmax-q8.ts";
import { slidingStart } from "./softmax-state.ts";
import { channelsPerGroup, groupHeaderBytes, groupsPerTile, keysPerGroup, tileTokens } from "./tile-layout.ts";
import { touch } from "./touch.ts";
import { weightedValuesF32 } from "./weighted-values-f32.ts";
import { weightedValuesQ8 } from "./weighted-values-q8.ts";

/**
 * Takes one f32 tile into the states of all rows of an item.
 *
 *   queries  `records` query records
 *   states   as many state records
 *   work     a workspace
 *   tile     an f32 tile
 *   causal   1: it is the tile that the queries' own tokens are in, and a row sees no key after its token; 0: all rows see all keys
 *   lines    how many lines of memory the tile has, which are read first: see {@link touch}; 0: it was just written
 *   slid     how far the rows' windows begin in this tile: see `slidingStart`; 0: they do not
 */
export const attendTileF32: Kernel = defineKernel(
  "attendTileF32",
  {
    queries: "address",
    states: "address",
    work: "address",
    tile: "address",
    records: "i32",
    width: "i32",
    causal: "i32",
    lines: "i32",
    slid: "i32",
  },
  (code, { queries, states, work, tile, records, width, causal, lines, slid }) => {
    code.call(touch, { memory: tile, lines, sink: code.offset(work, workspace.lanes) });
    const query = code.local("address", queries);
    const state = code.local("address", states);
    const values = code.local("address", code.offset(tile, i32.mul(width, i32.const(tileTokens * 4))));
    const limit = code.local("i32");
    const rows = code.local("i32");
    const other = code.local("address");
    const seen = code.local("i32");
    const alike = code.local("i32");
    const hidden = code.local("i32");
    code.repeat(records, () => {
      code.set(rows, code.loadI32(query, queryRecord.rows));
      code.set(limit, i32.const(tileTokens));
      code.if(causal, () => code.set(limit, code.loadI32(query, queryRecord.lastLimit)));
      const numbers = code.local("address", code.offset(query, queryRecord.numbers));
      chooseVariant(code, scoresF32, rows, (scores) =>
        code.call(scores, { queries: numbers, keys: tile, scores: work, width, limit }),
      );
      code.call(softmaxF32, { query, work, state, limit, causal, slid });
      // Rows that see the same keys together, and only those keys: a value that a row does not see may be infinite, and 0 times that is no number.
      const sums = code.local("address", code.offset(state, stateRecord.values));
      const weights = code.local("address", work);
      const factors = code.local("address", work);
      const rowLimit = code.local("address", query);
      const left = code.local("i32", rows);
      code.repeatAtLeastOnce(left, () => {
        code.set(alike, left);
        code.set(hidden, i32.const(0));
        code.if(i32.or(causal, slid), () => {
          code.set(seen, code.loadI32(rowLimit, queryRecord.limits));
          code.if(causal, () => code.set(limit, seen));
          code.set(alike, i32.const(0));
          code.set(other, rowLimit);
          code.repeat(left, () => {
            code.set(alike, i32.add(alike, i32.eq(code.loadI32(other, queryRecord.limits), seen)));
            code.advance(other, 4);
          });
          slidingStart(code, rowLimit, slid, (count) => code.set(hidden, count));
        });
        const own = {
          weights: code.local("address", code.offset(weights, i32.mul(hidden, i32.const(4)))),
          factors,
          values: code.local("address", code.offset(values, i32.mul(hidden, i32.const(channelsPerGroup * 4)))),
          state: sums,
          stride: code.local("i32", i32.mul(rows, i32.const(channelsPerGroup * 4))),
          width,
          count: code.local("i32", i32.sub(limit, hidden)),
        };
        chooseVariant(code, weightedValuesF32, alike, (weightedValues) => code.call(weightedValues, own));
        for (const address of [factors, rowLimit]) code.advance(address, i32.mul(alike, i32.const(4)));
        code.advance(weights, i32.mul(alike, i32.const(scoreRowBytes)));
        code.advance(sums, i32.mul(alike, i32.const(channelsPerGroup * 4)));
        code.set(left, i32.sub(left, i32.sub(alike, i32.const(1))));
      });
      advanceQuery(code, query, width);
      advanceState(code, state, width);
    });
  },
);

/**
 * Takes one q8 tile, which all rows see to its end, into the states of all rows of an item.
 *
 *   queries  `records` query records
 *   states   as many state records
 *   work     a workspace
 *   tile     a q8 tile
 *   planes   of the queries' bytes: 1, or 2 for fine queries
 *   lines    as above
 *   slid     how far the rows' windows begin in this tile: see `slidingStart`; 0: they do not
 */
export const attendTileQ8: Kernel = defineKernel(
  "attendTileQ8",
  {
    queries: "address",
    states: "address",
    work: "address",
    tile: "address",
    records: "i32",
    width: "i32",
    planes: "i32",
    lines: "i32",
    slid: "i32",
  },
  (code, { queries, states, work, tile, records, width, planes, lines, slid }) => {
    code.call(touch, { memory: tile, lines, sink: code.offset(work, workspace.lanes) });
    const keyBytes = i32.mul(
      i32.add(i32.mul(width, i32.const(keysPerGroup)), i32.const(groupHeaderBytes)),
      i32.const(groupsPerTile),
    );
    const values = code.local("address", code.offset(tile, keyBytes));
    const query = code.local("address", queries);
    const state = code.local("address", states);
    const rows = code.local("i32");
    code.repeat(records, () => {
      code.set(rows, code.loadI32(query, queryRecord.rows));
      const bytes = code.local("address", queryBytes(code, query, width));
      chooseVariant(code, scoresQ8, rows, (scores) =>
        code.call(scores, { queries: bytes, keys: tile, scores: work, width, planes }),
      );
      code.call(softmaxQ8, { query, work, state, slid });
      const sums = code.local("address", code.offset(state, stateRecord.values));
      chooseVariant(code, weightedValuesQ8, rows, (weightedValues) =>
        code.call(weightedValues, { work, values, state: sums, width }),
      );
      advanceQuery(code, query, width);
      advanceState(code, state, width);
    });
  },
);
