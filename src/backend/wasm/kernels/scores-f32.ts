import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { i32, v128 } from "../builder/values.ts";
import { scoreRowBytes, vectorsAtOnce } from "./row-records.ts";
import { forRowCounts } from "./row-variants.ts";
import { keysPerGroup } from "./tile-layout.ts";

/**
 * Scores of M queries and the first keys of an f32 tile: `limit` keys, and what it takes to fill vectors.
 *
 *   queries  f32 [width][M]
 *   keys     f32 [groups of 4 keys][width][4 keys]
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
      const groupBytes = code.local("i32", i32.shl(width, i32.const(4)));
      const groups = code.locals(vectors, "address", keys);
      for (let v = 1; v < vectors; v++) code.set(groups[v]!, code.offset(groups[v - 1]!, groupBytes));
      const score = code.local("address", scores);
      const sums = Array.from({ length: vectors }, () => code.locals(rows, "v128"));
      const vectorsOfKeys = code.locals(vectors, "v128");
      const channel = code.local("v128");
      const keysAtOnce = vectors * keysPerGroup;
      const rounds = i32.divU(i32.add(limit, i32.const(keysAtOnce - 1)), i32.const(keysAtOnce));

      code.repeat(rounds, () => {
        for (const sum of sums.flat()) code.set(sum, v128.zero);
        const query = code.local("address", queries);
        code.repeatAtLeastOnce(code.local("i32", i32.shrU(width, i32.const(3))), () => {
          for (let step = 0; step < 8; step++) {
            for (let v = 0; v < vectors; v++) code.set(vectorsOfKeys[v]!, code.load(groups[v]!, step * 16));
            for (let row = 0; row < rows; row++) {
              code.set(channel, code.loadSplat32(query, (step * rows + row) * 4));
              for (let v = 0; v < vectors; v++) {
                const sum = sums[v]![row]!;
                code.set(sum, code.multiplyAdd(vectorsOfKeys[v]!, channel, sum));
              }
            }
          }
          for (const group of groups) code.advance(group, 128);
          code.advance(query, 32 * rows);
        });
        for (let v = 0; v < vectors; v++) {
          for (let row = 0; row < rows; row++) code.store(score, sums[v]![row]!, row * scoreRowBytes + v * 16);
          // It stands at the next group, which is another's; its own next one is `vectors` groups on.
          code.advance(groups[v]!, i32.mul(groupBytes, i32.const(vectors - 1)));
        }
        code.advance(score, vectors * 16);
      });
    },
  ),
);
