import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32, i32 } from "../builder/values.ts";
import { keysPerGroup } from "./tile-layout.ts";

/**
 * Rotates keys of an f32 tile where they are.
 *
 *   keys      f32 [16 groups of 8 keys][width][8 keys]
 *   cos, sin  f32 [tokens][pairs]
 *   tokens    how many keys to turn, the first ones
 */
export const turnKeys: Kernel = defineKernel(
  "turnKeys",
  { keys: "address", cos: "address", sin: "address", tokens: "i32", pairs: "i32", width: "i32" },
  (code, { keys, cos, sin, tokens, pairs, width }) => {
    const cosine = code.local("address", cos);
    const sine = code.local("address", sin);
    const token = code.local("i32", i32.const(0));
    code.repeat(tokens, () => {
      const group = i32.mul(i32.divU(token, i32.const(keysPerGroup)), i32.mul(width, i32.const(keysPerGroup * 4)));
      const lane = i32.shl(i32.remU(token, i32.const(keysPerGroup)), i32.const(2));
      const first = code.local("address", code.offset(keys, i32.add(group, lane)));
      const second = code.local("address", code.offset(first, i32.mul(pairs, i32.const(keysPerGroup * 4))));
      code.repeat(pairs, () => {
        const x = code.local("f32", code.loadF32(first));
        const y = code.local("f32", code.loadF32(second));
        const c = code.local("f32", code.loadF32(cosine));
        const s = code.local("f32", code.loadF32(sine));
        code.storeF32(first, f32.sub(f32.mul(x, c), f32.mul(y, s)));
        code.storeF32(second, f32.add(f32.mul(y, c), f32.mul(x, s)));
        for (const address of [first, second]) code.advance(address, keysPerGroup * 4);
        for (const address of [cosine, sine]) code.advance(address, 4);
      });
      code.set(token, i32.add(token, i32.const(1)));
    });
  },
);
