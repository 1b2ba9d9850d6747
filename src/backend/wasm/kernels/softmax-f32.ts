import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32, f32x4, i32, v128 } from "../builder/values.ts";
import { powerOfTwo } from "./exponential.ts";
import { laneBytes, queryRecord, scoreRowBytes, workspace } from "./row-records.ts";
import { addSums, lowestScore, raiseMaxima, slidingStart } from "./softmax-state.ts";
import { tileTokens } from "./tile-layout.ts";

/**
 * Replaces the scores of an f32 tile by weights 2^(score - the row's largest), and takes them into the rows' states. Scores are exponents
 * of 2 already.
 *
 *   query    a query record: how many rows, and how many keys each sees in the queries' own tile
 *   work     a workspace
 *   state    a state record
 *   limit    how many keys the last row sees; the first ones
 *   causal   1: in the queries' own tile; 0: every row sees all
 *   slid     where what a row sees begins: see `slidingStart`
 */
export const softmaxF32: WasmFunction<{
  query: "address";
  work: "address";
  state: "address";
  limit: "i32";
  causal: "i32";
  slid: "i32";
}> = defineInner(
  "softmaxF32",
  { query: "address", work: "address", state: "address", limit: "i32", causal: "i32", slid: "i32" },
  (code, { query, work, state, limit, causal, slid }) => {
    const rows = code.local("i32", code.loadI32(query, queryRecord.rows));
    const blocks = code.local("i32", i32.shrU(i32.add(limit, i32.const(15)), i32.const(4)));
    const blocksEnd = code.local("i32", i32.shl(blocks, i32.const(4)));
    const scores = code.local("address", work);
    const lanes = code.local("address", work);
    const four = code.local("address", work);

    const rowLimit = code.local("address", query);
    const hidden = code.local("address", work);
    const seen = code.local("i32", i32.const(tileTokens));
    const lowest = code.constant(f32x4.const(lowestScore));
    const tops = code.locals(4, "v128");
    code.repeat(rows, () => {
      code.if(causal, () => code.set(seen, code.loadI32(rowLimit, queryRecord.limits)));
      code.set(hidden, code.offset(scores, i32.shl(seen, i32.const(2))));
      code.if(i32.gtS(blocksEnd, seen), () => {
        code.repeatAtLeastOnce(code.local("i32", i32.sub(blocksEnd, seen)), () => {
          code.storeF32(hidden, f32.const(lowestScore));
          code.advance(hidden, 4);
        });
      });
      slidingStart(code, rowLimit, slid, (count) => {
        code.set(hidden, scores);
        code.repeatAtLeastOnce(count, () => {
          code.storeF32(hidden, f32.const(lowestScore));
          code.advance(hidden, 4);
        });
      });
      for (const top of tops) code.set(top, lowest);
      code.set(four, scores);
      code.repeat(blocks, () => {
        for (const [i, top] of tops.entries()) code.set(top, f32x4.pmax(top, code.load(four, i * 16)));
        code.advance(four, 64);
      });
      const [a, b, c, d] = tops;
      code.storePair(lanes, [f32x4.pmax(a!, c!), f32x4.pmax(b!, d!)], workspace.lanes);
      code.advance(scores, scoreRowBytes);
      code.advance(lanes, laneBytes);
      code.advance(rowLimit, 4);
    });

    raiseMaxima(code, rows, state, work, 1);

    const row = code.local("address", work);
    const largest = code.local("v128");
    const sums = code.locals(2, "v128");
    code.set(scores, work);
    code.set(lanes, work);
    code.repeat(rows, () => {
      code.set(largest, code.loadSplat32(row, workspace.largest));
      for (const sum of sums) code.set(sum, v128.zero);
      code.set(four, scores);
      code.repeat(blocks, () => {
        for (let offset = 0; offset < 64; offset += 32) {
          const vectors = [0, 16].map((lane) => code.local("v128", code.load(four, offset + lane)));
          const weights = vectors.map((vector) => code.local("v128", powerOfTwo(code, f32x4.sub(vector, largest))));
          code.storePair(four, weights, offset);
          for (const [i, sum] of sums.entries()) code.set(sum, f32x4.add(sum, weights[i]!));
        }
        code.advance(four, 64);
      });
      code.storePair(lanes, sums, workspace.lanes);
      code.advance(scores, scoreRowBytes);
      code.advance(lanes, laneBytes);
      code.advance(row, 4);
    });
    addSums(code, rows, state, work, f32x4.add);
  },
);
