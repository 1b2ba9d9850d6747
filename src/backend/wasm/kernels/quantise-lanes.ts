import type { Code } from "../builder/code.ts";
import { f32x4, i32, i32x4, type Local, type Value, v128 } from "../builder/values.ts";

/** The largest number of a q8 tile. */
const largestByte = 127;

/** What is smaller is taken for zero: there is nothing to tell apart, and 127 divided by what is far smaller would not fit a float32. */
export const smallest = 1e-30;

/**
 * Rounds four columns of numbers, each to bytes with a scale of its own: largest / 127.
 *
 *   source  f32 [count][4 lanes]
 *   target  bytes [count / 4][4 lanes][4 rows]
 *
 * @param count - a multiple of 4
 * @returns the scales, and the sums of the bytes, lane by lane
 */
export function quantiseLanes(
  code: Code,
  source: Value<"address">,
  target: Value<"address">,
  count: Value<"i32">,
): { scales: Local<"v128">; sums: Local<"v128"> } {
  const fours = code.local("i32", i32.shrU(count, i32.const(2)));
  const from = code.local("address", source);
  const largest = code.local("v128", v128.zero);
  code.repeat(fours, () => {
    // Magnitudes are in the order of their bits, and what is no number is above all: it must not be lost, as `pmax` would.
    for (let i = 0; i < 4; i++) code.set(largest, i32x4.maxS(largest, f32x4.abs(code.load(from, i * 16))));
    code.advance(from, 64);
  });
  const used = i32x4.gtS(largest, code.constant(f32x4.const(smallest)));
  const scales = code.local("v128", v128.and(used, f32x4.mul(largest, code.constant(f32x4.const(1 / largestByte)))));
  const factors = code.local("v128", v128.and(used, f32x4.div(code.constant(f32x4.const(largestByte)), largest)));

  const lowByte = code.constant(i32x4.const(0xff));
  const to = code.local("address", target);
  const sums = code.local("v128", v128.zero);
  code.set(from, source);
  code.repeat(fours, () => {
    const bytes = [0, 1, 2, 3].map((i) =>
      code.local("v128", i32x4.truncF32(f32x4.nearest(f32x4.mul(code.load(from, i * 16), factors)))),
    );
    for (const byte of bytes) code.set(sums, i32x4.add(sums, byte));
    const shifted = bytes.map((byte, i) => {
      const low = i === 3 ? byte : v128.and(byte, lowByte);
      return i === 0 ? low : i32x4.shl(low, i * 8);
    });
    code.store(to, shifted.reduce(v128.or));
    code.advance(from, 64);
    code.advance(to, 16);
  });
  return { scales, sums };
}
