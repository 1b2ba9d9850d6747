import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32, v128 } from "../builder/values.ts";
import { scoreRowBytes, vectorsAtOnce, workspace } from "./row-records.ts";
import { forRowCounts, inGroups } from "./row-variants.ts";
import { channelsPerGroup, tileTokens } from "./tile-layout.ts";

const channelGroupBytes = tileTokens * channelsPerGroup;
/** Fours of keys in a round. */
const unroll = 8;

/**
 * Adds a q8 tile's values, weighted, to the states of M rows: state · keep + (weights × values) · scale · part.
 *
 *   work     a workspace whose rows of scores begin with 128 bytes of weights
 *   values   { f32 [width] scales | bytes [width / 8][32][8 channels][4 keys] }
 *   state    f32 [width / 8][M][8]
 *
 * The sums over the 128 keys are integers, and so exact.
 */
export const weightedValuesQ8: readonly WasmFunction<{
  work: "address";
  values: "address";
  state: "address";
  width: "i32";
}>[] = forRowCounts((rows) =>
  defineInner(
    `weightedValuesQ8Rows${rows}`,
    { work: "address", values: "address", state: "address", width: "i32" },
    (code, { work, values, state, width }) => {
      const vectors = vectorsAtOnce(rows);
      const scale = code.local("address", values);
      const number = code.local("address", code.offset(values, i32.shl(width, i32.const(2))));
      const out = code.local("address", state);
      const sums = Array.from({ length: vectors }, () => code.locals(rows, "v128"));
      const vectorsOfValues = code.locals(vectors, "v128");
      const four = code.local("v128");
      const part = code.local("v128");
      const old = code.locals(2, "v128");

      code.repeat(i32.divU(width, i32.const(4 * vectors)), () => {
        for (const sum of sums.flat()) code.set(sum, v128.zero);
        const weight = code.local("address", work);
        code.repeat(i32.const(tileTokens / 4 / unroll), () => {
          for (let step = 0; step < unroll; step++) {
            for (let v = 0; v < vectors; v++) {
              code.set(vectorsOfValues[v]!, code.load(number, inGroups(v, channelGroupBytes) + step * 32));
            }
            for (let row = 0; row < rows; row++) {
              code.set(four, code.loadSplat32(weight, row * scoreRowBytes + step * 4));
              for (let v = 0; v < vectors; v++) {
                const sum = sums[v]![row]!;
                code.set(sum, code.dotBytes(vectorsOfValues[v]!, four, sum));
              }
            }
          }
          code.advance(number, 32 * unroll);
          code.advance(weight, 4 * unroll);
        });
        for (let v = 0; v < vectors; v++) code.set(vectorsOfValues[v]!, code.load(scale, v * 16));
        for (let row = 0; row < rows; row++) {
          code.set(four, code.loadSplat32(work, workspace.keep + row * 4));
          code.set(part, code.loadSplat32(work, workspace.part + row * 4));
          for (let v = 0; v < vectors; v += 2) {
            const offset = inGroups(v, rows * 32) + row * 32;
            for (const [i, vector] of old.entries()) code.set(vector, code.load(out, offset + i * 16));
            const joined = old.map((vector, i) => {
              const scales = f32x4.mul(vectorsOfValues[v + i]!, part);
              return code.multiplyAdd(f32x4.convertI32(sums[v + i]![row]!), scales, f32x4.mul(vector, four));
            });
            code.storePair(out, joined, offset);
          }
        }
        code.advance(number, channelGroupBytes * (vectors / 2 - 1));
        code.advance(scale, 16 * vectors);
        code.advance(out, 16 * vectors * rows);
      });
    },
  ),
);
