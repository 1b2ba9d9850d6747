import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4 } from "../builder/values.ts";

/** y = a + b. a, b and y: [vectors][4] f32 */
export const add: Kernel = defineKernel(
  "add",
  { a: "address", b: "address", y: "address", vectors: "i32" },
  (code, { a, b, y, vectors }) => {
    const [left, right, to] = [code.local("address", a), code.local("address", b), code.local("address", y)];
    code.repeat(vectors, () => {
      code.store(to, f32x4.add(code.load(left), code.load(right)));
      for (const address of [left, right, to]) code.advance(address, 16);
    });
  },
);
