import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32, v128 } from "../builder/values.ts";
import { scoreRowBytes, vectorsAtOnce, workspace } from "./row-records.ts";
import { forRowCounts, inGroups } from "./row-variants.ts";
import { channelsPerGroup, tileTokens } from "./tile-layout.ts";

const channelGroupBytes = tileTokens * channelsPerGroup * 4;
const unroll = 8;

/**
 * Adds `count` values of an f32 tile, weighted, to the states of M rows: state · keep + (weights × values) · part. The rows may be some of a record's, the others
 * of which see other keys.
 *
 *   weights  f32 [M][128 keys], from the first of the keys
 *   factors  the place of the first of the rows in a workspace, for its numbers `keep` and `part`
 *   values   f32 [width / 8][128 keys][8 channels], from the first of the keys
 *   state    f32 [width / 8][rows of the record][8], from the first of the rows; `stride` bytes from eight channels to the next
 *
 * A sum goes over the keys in order. Others are not touched: what is there may be anything.
 */
export const weightedValuesF32: readonly WasmFunction<{
  weights: "address";
  factors: "address";
  values: "address";
  state: "address";
  stride: "i32";
  width: "i32";
  count: "i32";
}>[] = forRowCounts((rows) =>
  defineInner(
    `weightedValuesF32Rows${rows}`,
    {
      weights: "address",
      factors: "address",
      values: "address",
      state: "address",
      stride: "i32",
      width: "i32",
      count: "i32",
    },
    (code, p) => {
      const vectors = vectorsAtOnce(rows);
      const channels = code.local("address", p.values);
      const out = code.local("address", p.state);
      const sums = Array.from({ length: vectors }, () => code.locals(rows, "v128"));
      const vectorsOfValues = code.locals(vectors, "v128");
      const weight = code.local("v128");
      const part = code.local("v128");
      const old = code.locals(2, "v128");

      code.repeat(i32.divU(p.width, i32.const(4 * vectors)), () => {
        for (const sum of sums.flat()) code.set(sum, v128.zero);
        const value = code.local("address", channels);
        const weights = code.local("address", p.weights);
        const keys = (count: number) => {
          for (let step = 0; step < count; step++) {
            for (let v = 0; v < vectors; v++) {
              code.set(vectorsOfValues[v]!, code.load(value, inGroups(v, channelGroupBytes) + step * 32));
            }
            for (let row = 0; row < rows; row++) {
              code.set(weight, code.loadSplat32(weights, row * scoreRowBytes + step * 4));
              for (let v = 0; v < vectors; v++) {
                const sum = sums[v]![row]!;
                code.set(sum, code.multiplyAdd(vectorsOfValues[v]!, weight, sum));
              }
            }
          }
          code.advance(value, 32 * count);
          code.advance(weights, 4 * count);
        };
        code.repeat(i32.divU(p.count, i32.const(unroll)), () => keys(unroll));
        code.repeat(i32.remU(p.count, i32.const(unroll)), () => keys(1));
        for (let v = 0; v < vectors; v += 2) {
          for (let row = 0; row < rows; row++) {
            code.set(weight, code.loadSplat32(p.factors, workspace.keep + row * 4));
            code.set(part, code.loadSplat32(p.factors, workspace.part + row * 4));
            const offset = row * 32;
            for (const [i, vector] of old.entries()) code.set(vector, code.load(out, offset + i * 16));
            const joined = old.map((vector, i) =>
              code.multiplyAdd(sums[v + i]![row]!, part, f32x4.mul(vector, weight)),
            );
            code.storePair(out, joined, offset);
          }
          code.advance(out, p.stride);
        }
        code.advance(channels, channelGroupBytes * (vectors / 2));
      });
    },
  ),
);
