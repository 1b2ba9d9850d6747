import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32, i32, type Local, type Value } from "../builder/values.ts";
import { blockInputs, blocksInSuperBlock } from "../layout.ts";
import { loadFourBits, widenFinite } from "./embed.ts";
import { q4BlockBytes } from "./linear-q4.ts";
import { q4KHeaderBytes, q4KMinimaOffset } from "./linear-q4-k.ts";
import { q6KBlockBytes, q6KHeaderBytes, q6KTwoBitsOffset } from "./linear-q6-k.ts";

/*
 * One row of a matrix in super-blocks, as float32, to the bit what ggml makes of it: products are exact, and the minimum is taken away last. Parameters as in
 * `embed.ts`.
 */
function defineEmbed(
  name: string,
  { header, block }: { readonly header: number; readonly block: number },
  body: (
    code: Code,
    weights: Local<"address">,
    lane: Value<"i32">,
  ) => {
    /** Takes note of a super-block's header. */
    readonly header: () => void;
    readonly block: (store: (input: number, x: Value<"f32">) => void) => void;
  },
): WasmFunction {
  const parameters = { weights: "address", lane: "i32", y: "address", blocks: "i32" } as const;
  return defineKernel(name, parameters, (code, { weights, lane, y, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", y);
    const take = body(code, w, lane);
    code.repeat(i32.divU(blocks, i32.const(blocksInSuperBlock)), () => {
      take.header();
      code.advance(w, header);
      code.repeatAtLeastOnce(code.local("i32", i32.const(blocksInSuperBlock)), () => {
        take.block((input, x) => code.storeF32(to, x, input * 4));
        code.advance(w, block);
        code.advance(to, blockInputs * 4);
      });
    });
  });
}

export const embedQ4K: Kernel = defineEmbed(
  "embedQ4K",
  { header: q4KHeaderBytes, block: q4BlockBytes },
  (code, weights, lane) => {
    const [scale, minimum] = [code.local("f32"), code.local("f32")];
    const [ownScale, ownMinimum] = [code.local("f32"), code.local("f32")];
    const pair = code.local("address");
    const four = code.local("address");
    return {
      header: () => {
        code.set(pair, code.offset(weights, i32.shl(lane, i32.const(1))));
        code.set(scale, widenFinite(code, code.loadU16(pair)));
        code.set(minimum, widenFinite(code, code.loadU16(pair, q4KMinimaOffset)));
      },
      block: (store) => {
        code.set(pair, code.offset(weights, i32.shl(lane, i32.const(1))));
        code.set(four, code.offset(weights, i32.shl(lane, i32.const(2))));
        code.set(ownScale, f32.mul(scale, f32.fromI32(code.loadU8(pair))));
        code.set(ownMinimum, f32.mul(minimum, f32.fromI32(code.loadU8(pair, 1))));
        for (let i = 0; i < blockInputs; i++)
          store(i, f32.sub(f32.mul(ownScale, f32.fromI32(loadFourBits(code, four, i))), ownMinimum));
      },
    };
  },
);

export const embedQ6K: Kernel = defineEmbed(
  "embedQ6K",
  { header: q6KHeaderBytes, block: q6KBlockBytes },
  (code, weights, lane) => {
    const [scale, ownScale] = [code.local("f32"), code.local("f32")];
    const pair = code.local("address");
    const at = code.local("address");
    return {
      header: () => {
        code.set(pair, code.offset(weights, i32.shl(lane, i32.const(1))));
        code.set(scale, widenFinite(code, code.loadU16(pair)));
      },
      block: (store) => {
        code.set(pair, code.offset(weights, i32.shl(lane, i32.const(1))));
        code.set(at, code.offset(weights, i32.shl(lane, i32.const(2))));
        for (let i = 0; i < blockInputs; i++) {
          if (i % 16 === 0) code.set(ownScale, f32.mul(scale, f32.fromI32(code.loadI8(pair, i >> 4))));
          const byte = code.loadU8(at, q6KTwoBitsOffset + (i >> 4) * 64 + (i & 3));
          const two = i32.and(i32.shrU(byte, i32.const(((i >> 2) & 3) * 2)), i32.const(3));
          const six = i32.or(loadFourBits(code, at, i), i32.shl(two, i32.const(4)));
          store(i, f32.mul(ownScale, f32.fromI32(i32.sub(six, i32.const(32)))));
        }
      },
    };
  },
);
