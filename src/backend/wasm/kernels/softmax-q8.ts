import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i8x16, i16x8, i32, i32x4, type Local, v128 } from "../builder/values.ts";
import { byteWeights, exponentBits, exponentOffset, largestWeight } from "./exponential.ts";
import { laneBytes, queryRecord, scoreRowBytes, workspace } from "./row-records.ts";
import { addSums, raiseMaxima, slidingStart } from "./softmax-state.ts";
import { tileTokens } from "./tile-layout.ts";

/** Two vectors of bytes. */
const weightsAtOnce = 32;

/**
 * Replaces the scores of a q8 tile by weights of 0 to 127, 127 · 2^(scale · (score - the row's largest)), as bytes at the beginning of each
 * row, and takes them into the rows' states. What is summed up is the weights as rounded, so that the values' mean stays a mean.
 *
 * Weights are relative to the largest of the tile, not of all tiles so far: else many small weights of a tile would all become zero.
 *
 *   query    a query record: how many rows, and their scales
 *   work     a workspace
 *   state    a state record
 *   slid     where what a row sees begins: see `slidingStart`
 */
export const softmaxQ8: WasmFunction<{
  query: "address";
  work: "address";
  state: "address";
  slid: "i32";
}> = defineInner(
  "softmaxQ8",
  { query: "address", work: "address", state: "address", slid: "i32" },
  (code, { query, work, state, slid }) => {
    const rows = code.local("i32", code.loadI32(query, queryRecord.rows));
    const scores = code.local("address", work);
    const lanes = code.local("address", work);
    const tops = code.locals(4, "v128");
    const scale = code.local("address", query);
    const hidden = code.local("address", work);
    const seen = code.local("f32");
    code.repeat(rows, () => {
      // Hidden keys get the score of the first that is seen: one that is certain to fit.
      slidingStart(code, scale, slid, (count) => {
        code.set(hidden, scores);
        code.set(seen, code.loadF32(code.offset(scores, i32.shl(count, i32.const(2)))));
        code.repeatAtLeastOnce(count, () => {
          code.storeF32(hidden, seen);
          code.advance(hidden, 4);
        });
      });
      for (let i = 0; i < scoreRowBytes / 16; i++) {
        const top = tops[i % 4]!;
        code.set(top, i < 4 ? code.load(scores, i * 16) : f32x4.pmax(top, code.load(scores, i * 16)));
      }
      const [a, b, c, d] = tops;
      code.storePair(lanes, [f32x4.pmax(a!, c!), f32x4.pmax(b!, d!)], workspace.lanes);
      code.advance(scores, scoreRowBytes);
      code.advance(lanes, laneBytes);
      code.advance(scale, 4);
    });

    raiseMaxima(code, rows, state, work, largestWeight, code.offset(query, queryRecord.scales));

    const row = code.local("address", work);
    code.set(scores, work);
    code.set(lanes, work);
    code.set(scale, query);
    const toSteps = code.constant(f32x4.const(-(2 ** exponentBits)));
    const offset = code.constant(f32x4.const(exponentOffset * 2 ** exponentBits + 0.5));
    const ones = code.constant(i8x16.const(1));
    const sum = code.local("v128");
    code.repeat(rows, () => {
      // How far an exponent is below the largest, from `exponentOffset` on, rounded to exponentBits.
      const slope = code.local("v128", f32x4.mul(code.loadSplat32(scale, queryRecord.scales), toSteps));
      const largest = code.loadSplat32(row, workspace.largest);
      const start = code.local("v128", f32x4.sub(offset, f32x4.mul(largest, toSteps)));
      const four = code.local("address", scores);
      const bytes = code.local("address", scores);
      code.set(sum, v128.zero);
      const sixteen = (from: number): Local<"v128"> => {
        const vectors = [0, 1, 2, 3].map((i) => code.local("v128", code.load(four, from + i * 16)));
        const steps = vectors.map((vector) =>
          code.local("v128", code.truncate(code.multiplyAdd(vector, slope, start))),
        );
        const [low, high] = [i16x8.narrowI32U(steps[0]!, steps[1]!), i16x8.narrowI32U(steps[2]!, steps[3]!)];
        return code.local("v128", byteWeights(code, low, high));
      };
      code.repeat(i32.const(tileTokens / weightsAtOnce), () => {
        const weights = [sixteen(0), sixteen(64)];
        code.storePair(bytes, weights);
        for (const sixteenWeights of weights) code.set(sum, code.dotBytes(ones, sixteenWeights, sum));
        code.advance(four, 4 * weightsAtOnce);
        code.advance(bytes, weightsAtOnce);
      });
      code.storePair(lanes, [sum, v128.zero], workspace.lanes);
      // Then their weights, which are all equal, are taken away again.
      slidingStart(code, scale, slid, (count) => {
        const weights = i32.mul(code.loadU8(scores), count);
        code.storeI32(lanes, i32.sub(code.loadI32(lanes, workspace.lanes), weights), workspace.lanes);
        code.set(hidden, scores);
        code.repeatAtLeastOnce(count, () => {
          code.storeI8(hidden, i32.const(0));
          code.advance(hidden, 1);
        });
      });
      code.advance(scores, scoreRowBytes);
      code.advance(lanes, laneBytes);
      for (const address of [row, scale]) code.advance(address, 4);
    });
    addSums(code, rows, state, work, i32x4.add, f32x4.convertI32);
  },
);
