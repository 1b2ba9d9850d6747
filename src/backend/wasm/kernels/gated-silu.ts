import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, v128 } from "../builder/values.ts";
import { powerOfTwo } from "./exponential.ts";

/**
 * y = up · gate / (1 + e^-gate), element by element.
 *
 * gate, up and y: [vectors][4] f32
 */
export const gatedSilu: Kernel = defineKernel(
  "gatedSilu",
  { gate: "address", up: "address", y: "address", vectors: "i32" },
  (code, { gate, up, y, vectors }) => {
    const [gates, ups, to] = [code.local("address", gate), code.local("address", up), code.local("address", y)];
    const x = code.local("v128");
    const power = code.local("v128");
    const one = code.constant(f32x4.const(1));
    const minusLog2e = code.constant(f32x4.const(-Math.LOG2E));
    code.repeat(vectors, () => {
      code.set(x, code.load(gates));
      // e^-|x| never overflows; 1 / (1 + e^-x) is e^x / (1 + e^x) for a negative x.
      code.set(power, powerOfTwo(code, f32x4.mul(f32x4.abs(x), minusLog2e)));
      const numerator = v128.bitselect(power, one, f32x4.gt(v128.zero, x));
      const sigmoid = f32x4.div(numerator, f32x4.add(one, power));
      code.store(to, f32x4.mul(f32x4.mul(x, sigmoid), code.load(ups)));
      for (const address of [gates, ups, to]) code.advance(address, 16);
    });
  },
);
