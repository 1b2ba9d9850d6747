import { defineKernel, type Kernel } from "../builder/kernel.ts";

/** y = x. x and y: [vectors][4] f32 */
export const takeRow: Kernel = defineKernel(
  "takeRow",
  { x: "address", y: "address", vectors: "i32" },
  (code, { x, y, vectors }) => {
    const [from, to] = [code.local("address", x), code.local("address", y)];
    code.repeat(vectors, () => {
      code.store(to, code.load(from));
      for (const address of [from, to]) code.advance(address, 16);
    });
  },
);
