import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { i32, v128 } from "../builder/values.ts";
import { scoreRowBytes, vectorsAtOnce } from "./row-records.ts";
import { forRowCounts } from "./row-variants.ts";
import { keysPerGroup } from "./tile-layout.ts";

/**
 * Scores of M queries and the first keys of an f32 tile: `limit` keys, and what it takes to fill vectors.
 *
 *   queries  f32 [width][M]
 *   keys     f32 [groups of 8 keys][width][8 keys]
 *   scores   f32 [M][128]
 *
 * A score is a sum over the channels in order.
 */
export const scoresF32: readonly WasmFunction<{
  queries: "address";
  keys: "address";
  scores: "address";
  width: "i32";
  limit: "i32";
}>[] = forRowCounts((rows) =>
  defineInner(
    `scoresF32Rows${rows}`,
    { queries: "address", keys: "address", scores: "address", width: "i32", limit: "i32" },
    (code, { queries, keys, scores, width, limit }) => {
      const vectors = vectorsAtOnce(rows);
      const groupBytes = code.local("i32", i32.shl(width, i32.const(5)));
      const groups = code.locals(vectors / 2, "address", keys);
      for (const [i, group] of groups.slice(1).entries()) code.set(group, code.offset(groups[i]!, groupBytes));
      const score = code.local("address", scores);
      const sums = Array.from({ length: vectors }, () => code.locals(rows, "v128"));
      const vectorsOfKeys = code.locals(vectors, "v128");
      const channel = code.local("v128");
      const keysAtOnce = groups.length * keysPerGroup;
      const rounds = i32.divU(i32.add(limit, i32.const(keysAtOnce - 1)), i32.const(keysAtOnce));

      code.repeat(rounds, () => {
        for (const sum of sums.flat()) code.set(sum, v128.zero);
        const query = code.local("address", queries);
        code.repeatAtLeastOnce(code.local("i32", i32.shrU(width, i32.const(3))), () => {
          for (let step = 0; step < 8; step++) {
            for (const [v, vector] of vectorsOfKeys.entries())
              code.set(vector, code.load(groups[v >> 1]!, step * 32 + (v & 1) * 16));
            for (let row = 0; row < rows; row++) {
              code.set(channel, code.loadSplat32(query, (step * rows + row) * 4));
              for (let v = 0; v < vectors; v++) {
                const sum = sums[v]![row]!;
                code.set(sum, code.multiplyAdd(vectorsOfKeys[v]!, channel, sum));
              }
            }
          }
          for (const group of groups) code.advance(group, 256);
          code.advance(query, 32 * rows);
        });
        for (const [i, group] of groups.entries()) {
          for (let row = 0; row < rows; row++) {
            code.storePair(score, [sums[2 * i]![row]!, sums[2 * i + 1]![row]!], row * scoreRowBytes + i * 32);
          }
          // It stands at the next group, which may be the other's; its own next one is as many on as there are.
          code.advance(group, i32.mul(groupBytes, i32.const(groups.length - 1)));
        }
        code.advance(score, vectors * 16);
      });
    },
  ),
);
