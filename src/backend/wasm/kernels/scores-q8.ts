import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32, i32x4, type Value } from "../builder/values.ts";
import { mostRows, scoreRowBytes, vectorsAtOnce } from "./row-records.ts";
import { forRowCounts } from "./row-variants.ts";
import { groupHeaderBytes, groupsPerTile } from "./tile-layout.ts";

/**
 * Scores of M queries and the 128 keys of a q8 tile, without the queries' scales.
 *
 *   queries  bytes [width / 4][M][4]
 *   keys     16 × { 8 f32 scales | 8 i32 corrections | bytes [width / 4][8 keys][4 channels] }
 *   scores   f32 [M][128]
 *   planes   1, or 2 for fine queries: the sum of the upper plane, which the correction belongs to, counts 64 times
 *
 * A 32-bit lane of a sum belongs to a key: four bytes of the query, in all lanes, meet four bytes of each of eight keys, in two vectors.
 */
export const scoresQ8: readonly WasmFunction<{
  queries: "address";
  keys: "address";
  scores: "address";
  width: "i32";
  planes: "i32";
}>[] = forRowCounts((rows) =>
  defineInner(
    `scoresQ8Rows${rows}`,
    { queries: "address", keys: "address", scores: "address", width: "i32", planes: "i32" },
    (code, { queries, keys, scores, width, planes }) => {
      const vectors = vectorsAtOnce(rows);
      const groupBytes = code.local("i32", i32.add(i32.shl(width, i32.const(3)), i32.const(groupHeaderBytes)));
      const groups = code.locals(vectors / 2, "address", keys);
      for (const [i, group] of groups.slice(1).entries()) code.set(group, code.offset(groups[i]!, groupBytes));
      const score = code.local("address", scores);
      const sums = Array.from({ length: vectors }, () => code.locals(rows, "v128"));
      const vectorsOfKeys = code.locals(vectors, "v128");
      const four = code.local("v128");
      const plane = code.local("address");
      const planesLeft = code.local("i32");

      const loadKeys = (from: readonly Value<"address">[], offset: number): void => {
        for (const [v, vector] of vectorsOfKeys.entries())
          code.set(vector, code.load(from[v >> 1]!, offset + (v & 1) * 16));
      };
      code.repeat(i32.const(groupsPerTile / groups.length), () => {
        loadKeys(groups, groupHeaderBytes / 2);
        for (const [v, vector] of vectorsOfKeys.entries()) for (const sum of sums[v]!) code.set(sum, vector);
        code.set(plane, queries);
        code.set(planesLeft, planes);
        code.repeatAtLeastOnce(planesLeft, () => {
          const query = code.local("address", plane);
          const numbers = groups.map((group) => code.local("address", group));
          code.repeatAtLeastOnce(code.local("i32", i32.shrU(width, i32.const(4))), () => {
            for (let step = 0; step < 4; step++) {
              loadKeys(numbers, groupHeaderBytes + step * 32);
              for (let row = 0; row < rows; row++) {
                code.set(four, code.loadSplat32(query, (step * rows + row) * 4));
                for (let v = 0; v < vectors; v++) {
                  const sum = sums[v]![row]!;
                  code.set(sum, code.dotBytes(vectorsOfKeys[v]!, four, sum));
                }
              }
            }
            for (const vector of numbers) code.advance(vector, 128);
            code.advance(query, 16 * rows);
          });
          code.if(i32.eq(planesLeft, i32.const(2)), () => {
            for (const sum of sums.flat()) code.set(sum, i32x4.shl(sum, 6));
            code.advance(plane, i32.mul(width, i32.const(mostRows)));
          });
        });
        loadKeys(groups, 0);
        for (const [i, group] of groups.entries()) {
          for (let row = 0; row < rows; row++) {
            const scaled = [2 * i, 2 * i + 1].map((v) =>
              f32x4.mul(f32x4.convertI32(sums[v]![row]!), vectorsOfKeys[v]!),
            );
            code.storePair(score, scaled, row * scoreRowBytes + i * 32);
          }
          code.advance(group, i32.mul(groupBytes, i32.const(groups.length)));
        }
        code.advance(score, vectors * 16);
      });
    },
  ),
);
