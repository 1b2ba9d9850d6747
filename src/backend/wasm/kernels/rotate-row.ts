import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { f32, f32x4, i32 } from "../builder/values.ts";

/**
 * Rotates a row of one head in place: channel j with channel j + pairs. Channels from 2 · pairs on stay as they are.
 *
 *   row       f32 [at least 2 · pairs]
 *   cos, sin  f32 [pairs]
 *
 * Products are rounded before they are added, so that all engines give the same keys.
 */
export const rotateRow: WasmFunction<{ row: "address"; cos: "address"; sin: "address"; pairs: "i32" }> = defineInner(
  "rotateRow",
  { row: "address", cos: "address", sin: "address", pairs: "i32" },
  (code, { row, cos, sin, pairs }) => {
    const first = code.local("address", row);
    const second = code.local("address", code.offset(row, i32.shl(pairs, i32.const(2))));
    const cosine = code.local("address", cos);
    const sine = code.local("address", sin);
    const addresses = [first, second, cosine, sine];
    {
      const [x, y, c, s] = code.locals(4, "v128");
      code.repeat(i32.shrU(pairs, i32.const(2)), () => {
        for (const [i, vector] of [x!, y!, c!, s!].entries()) code.set(vector, code.load(addresses[i]!));
        code.store(first, f32x4.sub(f32x4.mul(x!, c!), f32x4.mul(y!, s!)));
        code.store(second, f32x4.add(f32x4.mul(y!, c!), f32x4.mul(x!, s!)));
        for (const address of addresses) code.advance(address, 16);
      });
    }
    {
      const [x, y, c, s] = code.locals(4, "f32");
      code.repeat(i32.and(pairs, i32.const(3)), () => {
        for (const [i, number] of [x!, y!, c!, s!].entries()) code.set(number, code.loadF32(addresses[i]!));
        code.storeF32(first, f32.sub(f32.mul(x!, c!), f32.mul(y!, s!)));
        code.storeF32(second, f32.add(f32.mul(y!, c!), f32.mul(x!, s!)));
        for (const address of addresses) code.advance(address, 4);
      });
    }
  },
);
