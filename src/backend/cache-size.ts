import type { CacheLayout } from "./backend.ts";
import { tileBytes, tileTokens } from "./wasm/kernels/tile-layout.ts";

/**
 * What a token takes in a cache; in a q8 cache once its block is complete, before that as much as in an f32 one.
 * @returns bytes
 */
export function cacheBytesPerToken({
  layers,
  keyValueHeads,
  headDim,
  type,
}: Pick<CacheLayout, "layers" | "keyValueHeads" | "headDim" | "type">): number {
  return (layers * keyValueHeads * tileBytes(type, headDim)) / tileTokens;
}
