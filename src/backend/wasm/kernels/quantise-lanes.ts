import type { Code } from "../builder/code.ts";
import { f32x4, i32, i32x4, type Local, type Value, v128 } from "../builder/values.ts";

/** The largest number of a q8 tile. */
const largestByte = 127;

/** What is smaller is taken for zero: there is nothing to tell apart, and 127 divided by what is far smaller would not fit a float32. */
export const smallest = 1e-30;

/**
 * Rounds eight columns of numbers, in two vectors, each to bytes with a scale of its own: largest / 127.
 *
 *   source  f32 [count][8 lanes]
 *   target  bytes [count / 4][8 lanes][4 rows]
 *
 * @param count - a multiple of 4
 * @returns the scales, and the sums of the bytes, lane by lane
 */
export function quantiseLanes(
  code: Code,
  source: Value<"address">,
  target: Value<"address">,
  count: Value<"i32">,
): { scales: readonly Local<"v128">[]; sums: readonly Local<"v128">[] } {
  const fours = code.local("i32", i32.shrU(count, i32.const(2)));
  const from = code.local("address", source);
  const largest = code.locals(2, "v128", v128.zero);
  code.repeat(fours, () => {
    // Magnitudes are in the order of their bits, and what is no number is above all: it must not be lost, as `pmax` would.
    for (let i = 0; i < 4; i++) {
      const vectors = loadPair(code, from, i);
      for (const [v, top] of largest.entries()) code.set(top, i32x4.maxS(top, f32x4.abs(vectors[v]!)));
    }
    code.advance(from, 128);
  });
  const used = largest.map((top) => code.local("v128", i32x4.gtS(top, code.constant(f32x4.const(smallest)))));
  const inverse = code.constant(f32x4.const(1 / largestByte));
  const scales = largest.map((top, v) => code.local("v128", v128.and(used[v]!, f32x4.mul(top, inverse))));
  const byte = code.constant(f32x4.const(largestByte));
  const factors = largest.map((top, v) => code.local("v128", v128.and(used[v]!, f32x4.div(byte, top))));

  const lowByte = code.constant(i32x4.const(0xff));
  const to = code.local("address", target);
  const sums = code.locals(2, "v128", v128.zero);
  code.set(from, source);
  code.repeat(fours, () => {
    const words = [0, 1, 2, 3].map((i) =>
      loadPair(code, from, i).map((vector, v) => {
        const integers = code.local("v128", i32x4.truncF32(f32x4.nearest(f32x4.mul(vector, factors[v]!))));
        code.set(sums[v]!, i32x4.add(sums[v]!, integers));
        const low = i === 3 ? integers : v128.and(integers, lowByte);
        return i === 0 ? low : i32x4.shl(low, i * 8);
      }),
    );
    code.storePair(
      to,
      [0, 1].map((v) => words.map((pair) => pair[v]!).reduce(v128.or)),
    );
    code.advance(from, 128);
    code.advance(to, 32);
  });
  return { scales, sums };
}

function loadPair(code: Code, from: Value<"address">, pair: number): readonly Local<"v128">[] {
  return [0, 16].map((lane) => code.local("v128", code.load(from, pair * 32 + lane)));
}
