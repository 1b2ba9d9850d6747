import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32, v128 } from "../builder/values.ts";
import { powerOfTwo } from "./exponential.ts";

/**
 * y = up · gate / (1 + e^-gate), element by element.
 *
 * gate, up and y: [vectors][4] f32; an even number of vectors
 */
export const gatedSilu: Kernel = defineKernel(
  "gatedSilu",
  { gate: "address", up: "address", y: "address", vectors: "i32" },
  (code, { gate, up, y, vectors }) => {
    const [gates, ups, to] = [code.local("address", gate), code.local("address", up), code.local("address", y)];
    const one = code.constant(f32x4.const(1));
    const minusLog2e = code.constant(f32x4.const(-Math.LOG2E));
    code.repeat(i32.shrU(vectors, i32.const(1)), () => {
      const x = [0, 16].map((offset) => code.local("v128", code.load(gates, offset)));
      // e^-|x| never overflows; 1 / (1 + e^-x) is e^x / (1 + e^x) for a negative x.
      const powers = x.map((gate) => code.local("v128", powerOfTwo(code, f32x4.mul(f32x4.abs(gate), minusLog2e))));
      const other = [0, 16].map((offset) => code.local("v128", code.load(ups, offset)));
      const products = x.map((gate, i) => {
        const numerator = v128.bitselect(powers[i]!, one, f32x4.gt(v128.zero, gate));
        const sigmoid = f32x4.div(numerator, f32x4.add(one, powers[i]!));
        return f32x4.mul(f32x4.mul(gate, sigmoid), other[i]!);
      });
      code.storePair(to, products);
      for (const address of [gates, ups, to]) code.advance(address, 32);
    });
  },
);
