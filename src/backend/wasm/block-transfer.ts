import { SkeinError } from "../../errors.ts";
import type { CacheLayout } from "../backend.ts";
import {
  channelsPerGroup,
  keysPerGroup,
  paddedWidth,
  tileBytes,
  tileTokens,
  valuesOffset,
} from "./kernels/tile-layout.ts";
import type { Memories } from "./memories.ts";

type Numbers = Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer>;

/**
 * @param tiles - address of a block's tiles, f32 or f16
 * @returns the first tokens as [layers, 2 (keys, values), keyValueHeads, tokens, headDim], little-endian
 */
export function readTiles(
  memories: Memories,
  layout: CacheLayout,
  tiles: number,
  type: "f32" | "f16",
  tokens: number,
): Uint8Array<ArrayBuffer> {
  const { layers, keyValueHeads, headDim } = layout;
  const length = layers * 2 * keyValueHeads * tokens * headDim;
  const out = type === "f32" ? new Float32Array(length) : new Float16Array(length);
  forNumbers(memories, layout, tiles, type, tokens, (tile, inTile, index) => {
    out[index] = tile[inTile]!;
  });
  return new Uint8Array(out.buffer);
}

/** The inverse of {@link readTiles}. */
export function writeTiles(
  memories: Memories,
  layout: CacheLayout,
  tiles: number,
  type: "f32" | "f16",
  tokens: number,
  bytes: Uint8Array,
): void {
  const expected = layout.layers * 2 * layout.keyValueHeads * tokens * layout.headDim * (type === "f32" ? 4 : 2);
  if (bytes.length !== expected) throw new SkeinError("invalid_snapshot", "a part of the cache has a wrong size");
  const aligned = bytes.slice().buffer;
  const numbers = type === "f32" ? new Float32Array(aligned) : new Float16Array(aligned);
  const length = layout.layers * layout.keyValueHeads * tileBytes(type, layout.headDim);
  memories.bytes(tiles, length).fill(0); // channels that pad a tile are zero
  forNumbers(memories, layout, tiles, type, tokens, (tile, inTile, index) => {
    tile[inTile] = numbers[index]!;
  });
}

function forNumbers(
  memories: Memories,
  { layers, keyValueHeads, headDim }: CacheLayout,
  tiles: number,
  type: "f32" | "f16",
  tokens: number,
  visit: (tile: Numbers, inTile: number, index: number) => void,
): void {
  const width = paddedWidth(headDim);
  const numberBytes = type === "f32" ? 4 : 2;
  const values = valuesOffset(type, headDim) / numberBytes;
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < keyValueHeads; head++) {
      const address = tiles + (layer * keyValueHeads + head) * tileBytes(type, headDim);
      const { buffer, byteOffset, length } = memories.bytes(address, tileBytes(type, headDim));
      const NumberArray = type === "f32" ? Float32Array : Float16Array;
      const tile: Numbers = new NumberArray(buffer, byteOffset, length / numberBytes);
      const keyIndex = ((layer * 2 + 0) * keyValueHeads + head) * tokens * headDim;
      const valueIndex = ((layer * 2 + 1) * keyValueHeads + head) * tokens * headDim;
      for (let token = 0; token < tokens; token++) {
        const group = Math.floor(token / keysPerGroup) * width * keysPerGroup + (token % keysPerGroup);
        for (let channel = 0; channel < headDim; channel++) {
          visit(tile, group + channel * keysPerGroup, keyIndex + token * headDim + channel);
          const inValues = (Math.floor(channel / channelsPerGroup) * tileTokens + token) * channelsPerGroup;
          visit(tile, values + inValues + (channel % channelsPerGroup), valueIndex + token * headDim + channel);
        }
      }
    }
  }
}
