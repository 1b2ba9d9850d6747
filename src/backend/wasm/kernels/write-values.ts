import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { i16x8, i32, type Local } from "../builder/values.ts";
import { copyRow } from "./copy-row.ts";
import { narrowFloat16 } from "./float16.ts";
import { channelsPerGroup, tileTokens } from "./tile-layout.ts";

/**
 * Puts rows of values into the tiles of all key/value heads.
 *
 *   values   f32, the first token's row; `stride` bytes from token to token, heads side by side
 *   tile     the values of head 0's tile, [width / 8][128 keys][8 channels]; `tileStride` bytes from head to head
 *   first    position of the first token in the tile
 *   row      f32 [width], for passing use
 */
export const writeValuesF32: Kernel = writeValues("writeValuesF32", 4, (code, tile, row) =>
  code.storePair(tile, [code.load(row), code.load(row, 16)]),
);

/** The same for tiles of 16-bit numbers. */
export const writeValuesF16: Kernel = writeValues("writeValuesF16", 2, (code, tile, row) => {
  const [low, high] = [narrowFloat16(code, code.load(row)), narrowFloat16(code, code.load(row, 16))];
  code.store(tile, i16x8.narrowI32U(low, high));
});

function writeValues(
  name: string,
  numberBytes: number,
  writeGroup: (code: Code, tile: Local<"address">, row: Local<"address">) => void,
): Kernel {
  return defineKernel(
    name,
    {
      values: "address",
      stride: "i32",
      tile: "address",
      tileStride: "i32",
      first: "i32",
      tokens: "i32",
      heads: "i32",
      headDim: "i32",
      width: "i32",
      row: "address",
    },
    (code, p) => {
      const value = code.local("address", p.values);
      const position = code.local(
        "address",
        code.offset(p.tile, i32.mul(p.first, i32.const(channelsPerGroup * numberBytes))),
      );
      const headBytes = code.local("i32", i32.shl(p.headDim, i32.const(2)));
      code.repeat(p.tokens, () => {
        const source = code.local("address", value);
        const head = code.local("address", position);
        code.repeat(p.heads, () => {
          code.call(copyRow, {
            source,
            multipliers: source,
            target: p.row,
            multiply: i32.const(0),
            headDim: p.headDim,
            width: p.width,
          });
          const from = code.local("address", p.row);
          const to = code.local("address", head);
          code.repeat(i32.divU(p.width, i32.const(channelsPerGroup)), () => {
            writeGroup(code, to, from);
            code.advance(from, channelsPerGroup * 4);
            code.advance(to, tileTokens * channelsPerGroup * numberBytes);
          });
          code.advance(source, headBytes);
          code.advance(head, p.tileStride);
        });
        code.advance(value, p.stride);
        code.advance(position, channelsPerGroup * numberBytes);
      });
    },
  );
}
