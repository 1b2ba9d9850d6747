import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i32, type Local } from "../builder/values.ts";
import { copyRow } from "./copy-row.ts";
import { narrowFloat16 } from "./float16.ts";
import { rotateRow } from "./rotate-row.ts";
import { keysPerGroup } from "./tile-layout.ts";

/**
 * Rotates rows of keys and puts them into the tiles of all key/value heads.
 *
 *   keys         f32, the first token's row; `stride` bytes from token to token, heads side by side
 *   cos, sin     f32 [tokens][pairs]
 *   multipliers  f32 [heads][headDim], read if `multiply` is 1
 *   tile         the tile of head 0; `tileStride` bytes from head to head; its keys are [16 groups][width][8 keys]
 *   first        position of the first token in the tile
 *   row          f32 [width], for passing use
 */
export const writeKeysF32: Kernel = writeKeys("writeKeysF32", 4, (code, tile, row) => {
  const vector = code.local("v128", code.load(row));
  for (let lane = 0; lane < 4; lane++) code.store32Lane(tile, vector, lane, lane * keysPerGroup * 4);
});

/** The same for tiles of 16-bit numbers. */
export const writeKeysF16: Kernel = writeKeys("writeKeysF16", 2, (code, tile, row) => {
  const vector = code.local("v128", narrowFloat16(code, code.load(row)));
  for (let lane = 0; lane < 4; lane++) code.store16Lane(tile, vector, lane * 2, lane * keysPerGroup * 2);
});

function writeKeys(
  name: string,
  numberBytes: number,
  writeFour: (code: Code, tile: Local<"address">, row: Local<"address">) => void,
): Kernel {
  return defineKernel(
    name,
    {
      keys: "address",
      stride: "i32",
      cos: "address",
      sin: "address",
      multipliers: "address",
      multiply: "i32",
      tile: "address",
      tileStride: "i32",
      first: "i32",
      tokens: "i32",
      heads: "i32",
      headDim: "i32",
      pairs: "i32",
      width: "i32",
      row: "address",
    },
    (code, p) => {
      const key = code.local("address", p.keys);
      const cos = code.local("address", p.cos);
      const sin = code.local("address", p.sin);
      const position = code.local("i32", p.first);
      const headBytes = code.local("i32", i32.shl(p.headDim, i32.const(2)));
      const pairBytes = code.local("i32", i32.shl(p.pairs, i32.const(2)));
      code.repeat(p.tokens, () => {
        const source = code.local("address", key);
        const multipliers = code.local("address", p.multipliers);
        // Its group, and its place in it.
        const groupBytes = i32.mul(p.width, i32.const(keysPerGroup * numberBytes));
        const group = i32.mul(i32.divU(position, i32.const(keysPerGroup)), groupBytes);
        const lane = i32.mul(i32.remU(position, i32.const(keysPerGroup)), i32.const(numberBytes));
        const head = code.local("address", code.offset(p.tile, i32.add(group, lane)));
        code.repeat(p.heads, () => {
          code.call(copyRow, {
            source,
            multipliers,
            target: p.row,
            multiply: p.multiply,
            headDim: p.headDim,
            width: p.width,
          });
          code.call(rotateRow, { row: p.row, cos, sin, pairs: p.pairs });
          const from = code.local("address", p.row);
          const to = code.local("address", head);
          code.repeat(i32.shrU(p.width, i32.const(2)), () => {
            writeFour(code, to, from);
            code.advance(from, 16);
            code.advance(to, 4 * keysPerGroup * numberBytes);
          });
          code.advance(source, headBytes);
          code.advance(multipliers, headBytes);
          code.advance(head, p.tileStride);
        });
        code.advance(key, p.stride);
        code.advance(cos, pairBytes);
        code.advance(sin, pairBytes);
        code.set(position, i32.add(position, i32.const(1)));
      });
    },
  );
}
