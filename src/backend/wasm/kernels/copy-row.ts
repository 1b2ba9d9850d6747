import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32, f32x4, i32 } from "../builder/values.ts";

/**
 * Copies a row of one head, and fills it up with zeros to `width`.
 *
 *   source       f32 [headDim]
 *   multipliers  f32 [headDim], one a channel; read if `multiply` is 1
 *   target       f32 [width]
 */
export const copyRow: WasmFunction<{
  source: "address";
  multipliers: "address";
  target: "address";
  multiply: "i32";
  headDim: "i32";
  width: "i32";
}> = defineInner(
  "copyRow",
  { source: "address", multipliers: "address", target: "address", multiply: "i32", headDim: "i32", width: "i32" },
  (code, { source, multipliers, target, multiply, headDim, width }) => {
    const from = code.local("address", source);
    const to = code.local("address", target);
    const factor = code.local("address", multipliers);
    const vector = code.local("v128");
    const number = code.local("f32");
    code.repeat(i32.shrU(headDim, i32.const(2)), () => {
      code.set(vector, code.load(from));
      code.if(multiply, () => code.set(vector, f32x4.mul(vector, code.load(factor))));
      code.store(to, vector);
      for (const address of [from, to, factor]) code.advance(address, 16);
    });
    code.repeat(i32.and(headDim, i32.const(3)), () => {
      code.set(number, code.loadF32(from));
      code.if(multiply, () => code.set(number, f32.mul(number, code.loadF32(factor))));
      code.storeF32(to, number);
      for (const address of [from, to, factor]) code.advance(address, 4);
    });
    code.repeat(i32.sub(width, headDim), () => {
      code.storeF32(to, f32.const(0));
      code.advance(to, 4);
    });
  },
);
