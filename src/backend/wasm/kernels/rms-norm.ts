import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32, f32x4, f64, f64x2, i32, shuffle32, v128 } from "../builder/values.ts";

/**
 * y = gain · (x / √(mean of x² + epsilon)), for `groups` groups of `width` numbers, one after the other: a whole row, or each of its heads.
 * The sum is taken in float64.
 *
 * x and y: [groups][width] f32; gain: [width] f32
 */
export const rmsNorm: Kernel = defineKernel(
  "rmsNorm",
  { x: "address", gain: "address", y: "address", groups: "i32", width: "i32", epsilon: "f64" },
  (code, { x, gain, y, groups, width, epsilon }) => {
    const from = code.local("address", x);
    const to = code.local("address", y);
    const reader = code.local("address");
    const gains = code.local("address");
    const vectors = code.local("i32", i32.shrU(width, i32.const(2)));
    const rest = code.local("i32", i32.and(width, i32.const(3)));
    const vector = code.local("v128");
    const high = code.local("v128");
    const [even, odd] = [code.local("v128"), code.local("v128")];
    const total = code.local("f64");
    const wide = code.local("f64");
    const inverse = code.local("f32");
    code.repeat(groups, () => {
      code.set(reader, from);
      code.set(even, v128.zero);
      code.set(odd, v128.zero);
      code.repeat(vectors, () => {
        code.set(vector, code.load(reader));
        code.set(high, f64x2.promoteLow(shuffle32(vector, vector, [2, 3, 0, 1])));
        code.set(vector, f64x2.promoteLow(vector));
        code.set(even, f64x2.add(even, f64x2.mul(vector, vector)));
        code.set(odd, f64x2.add(odd, f64x2.mul(high, high)));
        code.advance(reader, 16);
      });
      code.set(even, f64x2.add(even, odd));
      code.set(total, f64.add(f64x2.extractLane(even, 0), f64x2.extractLane(even, 1)));
      code.repeat(rest, () => {
        code.set(wide, f64.fromF32(code.loadF32(reader)));
        code.set(total, f64.add(total, f64.mul(wide, wide)));
        code.advance(reader, 4);
      });
      const mean = f64.div(total, f64.fromI32(width));
      code.set(inverse, f32.fromF64(f64.div(f64.const(1), f64.sqrt(f64.add(mean, epsilon)))));
      code.set(gains, gain);
      code.repeat(vectors, () => {
        code.store(to, f32x4.mul(code.load(gains), f32x4.mul(code.load(from), f32x4.splat(inverse))));
        for (const address of [from, to, gains]) code.advance(address, 16);
      });
      code.repeat(rest, () => {
        code.storeF32(to, f32.mul(code.loadF32(gains), f32.mul(code.loadF32(from), inverse)));
        for (const address of [from, to, gains]) code.advance(address, 4);
      });
    });
  },
);
