import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32, i32, type Local, type Value } from "../builder/values.ts";
import { blockInputs } from "../layout.ts";
import { q4BlockBytes, q4WeightsOffset } from "./linear-q4.ts";
import { q8BlockBytes, q8WeightsOffset } from "./linear-q8.ts";

/*
 * One row of a packed matrix, as float32: the numbers of one token. The matrix is packed by groups of 16 rows (see `linear-q4.ts`,
 * `linear-q8.ts` and `linear-float.ts`), so that a row's numbers lie apart.
 *
 * weights: of the row's group; lane: the row in it; y: [blocks · 32] f32
 */
function defineEmbed(
  name: string,
  blockBytes: number,
  block: (
    code: Code,
    weights: Local<"address">,
    lane: Value<"i32">,
    store: (input: number, x: Value<"f32">) => void,
  ) => void,
): WasmFunction {
  const parameters = { weights: "address", lane: "i32", y: "address", blocks: "i32" } as const;
  return defineKernel(name, parameters, (code, { weights, lane, y, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", y);
    code.repeat(blocks, () => {
      block(code, w, lane, (input, x) => code.storeF32(to, x, input * 4));
      code.advance(w, blockBytes);
      code.advance(to, blockInputs * 4);
    });
  });
}

export const embedFloat32: Kernel = defineEmbed("embedFloat32", blockInputs * 64, (code, weights, lane, store) => {
  const at = code.local("address", code.offset(weights, i32.shl(lane, i32.const(2))));
  for (let i = 0; i < blockInputs; i++) store(i, code.loadF32(at, i * 64));
});

export const embedFloat16: Kernel = defineEmbed("embedFloat16", blockInputs * 32, (code, weights, lane, store) => {
  const at = code.local("address", code.offset(weights, i32.shl(lane, i32.const(1))));
  for (let i = 0; i < blockInputs; i++) store(i, widenFinite(code, code.loadU16(at, i * 32)));
});

export const embedBfloat16: Kernel = defineEmbed("embedBfloat16", blockInputs * 32, (code, weights, lane, store) => {
  const at = code.local("address", code.offset(weights, i32.shl(lane, i32.const(1))));
  for (let i = 0; i < blockInputs; i++) store(i, f32.reinterpret(i32.shl(code.loadU16(at, i * 32), i32.const(16))));
});

export const embedQ8: Kernel = defineEmbed("embedQ8", q8BlockBytes, (code, weights, lane, store) => {
  const at = code.local("address", code.offset(weights, i32.shl(lane, i32.const(1))));
  const scale = code.local("f32", widenFinite(code, code.loadU16(at)));
  const weightAt = code.local("address", code.offset(weights, i32.shl(lane, i32.const(2))));
  for (let i = 0; i < blockInputs; i++) {
    const integer = code.loadI8(weightAt, q8WeightsOffset + (i >> 2) * 64 + (i & 3));
    store(i, f32.mul(scale, f32.fromI32(integer)));
  }
});

export const embedQ4: Kernel = defineEmbed("embedQ4", q4BlockBytes, (code, weights, lane, store) => {
  const scale = code.local("f32", widenFinite(code, code.loadU16(code.offset(weights, i32.shl(lane, i32.const(1))))));
  const at = code.local("address", code.offset(weights, i32.shl(lane, i32.const(2))));
  for (let i = 0; i < blockInputs; i++)
    store(i, f32.mul(scale, f32.fromI32(i32.sub(loadFourBits(code, at, i), i32.const(8)))));
});

/** The four bits of an input, of a block as `linear-q4.ts` draws it. @param at - of the block, and 4 · the row in the group */
export function loadFourBits(code: Code, at: Value<"address">, input: number): Value<"i32"> {
  const byte = code.loadU8(at, q4WeightsOffset + (input >> 3) * 64 + (input & 3));
  return (input & 4) === 0 ? i32.and(byte, i32.const(15)) : i32.shrU(byte, i32.const(4));
}

/** The scalar twin of `loadFloat16`: finite numbers only. */
export function widenFinite(code: Code, bits: Value<"i32">): Value<"f32"> {
  const half = code.local("i32", bits);
  const magnitude = i32.and(i32.shl(half, i32.const(13)), i32.const(0x0fffe000));
  const sign = i32.shl(i32.and(half, i32.const(0x8000)), i32.const(16));
  return f32.mul(f32.reinterpret(i32.or(magnitude, sign)), f32.const(2 ** 112));
}
