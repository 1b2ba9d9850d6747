import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32, i32x4, type Value, v128 } from "../builder/values.ts";
import { blocksInSuperBlock } from "../layout.ts";
import { loadFloat16 } from "./float16.ts";
import {
  defineQ4Rows,
  defineQ4Tile,
  expandedBytes,
  expandFourBits,
  expansionParameters,
  minimumFactor,
  q4BlockBytes,
  rowProducts,
  sharedBlockBytes,
  updateSums,
} from "./linear-q4.ts";
import { defineRow } from "./linear-row.ts";
import { defineTiles, type Half } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in ggml's Q4_K: a weight is scale · own scale · its four bits - minimum · own minimum.
 *
 * Weights, for each group of 16 outputs and each super-block of 256 inputs (2368 bytes, 4.625 bits a weight):
 *
 *     | scale: 16 × f16 | minimum: 16 × f16 |
 *     | 8 blocks of 32 inputs: | 16 × (own scale: u8, own minimum: u8), of 6 bits each | four bits as in `linear-q4.ts`: 256 bytes |
 *
 * Activations are those of `linear-q4.ts`. Products of a scale and an own scale are exact in float32, and so is the integer sum of
 * a block. The minimum meets the sum of the block's inputs, which the panel has. A block adds first the one, then the other, in float32, in every variant.
 */
export const q4KHeaderBytes = 64;
export const q4KMinimaOffset = 32;

/** Bytes of a super-block. */
export const q4KSuperBlockBytes: number = q4KHeaderBytes + blocksInSuperBlock * q4BlockBytes;

/** An own scale, of a lane of 32 bits that has it with its own minimum, as float32. */
function ownScale(both: Value<"v128">, mask: Value<"v128">): Value<"v128"> {
  return f32x4.convertI32(v128.and(both, mask));
}

function ownMinimum(both: Value<"v128">): Value<"v128"> {
  return f32x4.convertI32(i32x4.shrU(both, 8));
}

/** One row of activations: {@link defineRow}. */
export const linearQ4KRow: Kernel = defineRow(
  "linearQ4KRow",
  { weights: q4BlockBytes, panel: sharedBlockBytes, header: q4KHeaderBytes },
  (code, place) => {
    const { weights, panel } = place;
    const products = rowProducts.shared(code, place);
    const scales = code.locals(4, "v128");
    const minima = code.locals(4, "v128");
    const both = code.locals(4, "v128");
    const [input, shift] = [code.local("v128"), code.local("v128")];
    const mask = code.constant(i32x4.const(255));
    const eighth = code.constant(f32x4.const(1 / 8));
    return {
      header: () => {
        for (const [v, scale] of scales.entries()) code.set(scale, loadFloat16(code, weights, v * 8));
        for (const [v, minimum] of minima.entries())
          code.set(minimum, f32x4.mul(loadFloat16(code, weights, q4KMinimaOffset + v * 8), eighth));
      },
      block: () => {
        const integers = products();
        code.set(input, code.loadSplat32(panel));
        code.set(shift, minimumFactor(input, code.loadSplat32(panel, 4)));
        updateSums(code, place, (sum, v) => {
          code.set(both[v]!, code.load16x4U(weights, v * 8));
          const scale = f32x4.mul(f32x4.mul(scales[v]!, ownScale(both[v]!, mask)), input);
          const minimum = f32x4.mul(minima[v]!, ownMinimum(both[v]!));
          return code.multiplyAdd(minimum, shift, code.multiplyAdd(f32x4.convertI32(integers[v]!), scale, sum));
        });
      },
    };
  },
);

/** Half a group's weights, one byte each, with scales and minima as f32: drawn in `linear-q4.ts`. */
function defineExpansion(half: Half): WasmFunction<typeof expansionParameters> {
  return defineInner(`expandQ4KHalf${half}`, expansionParameters, (code, { weights, expanded, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", expanded);
    const scales = code.locals(2, "v128");
    const minima = code.locals(2, "v128");
    const both = code.locals(2, "v128");
    const mask = code.constant(i32x4.const(255));
    const eighth = code.constant(f32x4.const(1 / 8));
    code.repeat(i32.divU(blocks, i32.const(blocksInSuperBlock)), () => {
      for (let v = 0; v < 2; v++) {
        const offset = (half * 2 + v) * 8;
        code.set(scales[v]!, loadFloat16(code, w, offset));
        code.set(minima[v]!, f32x4.mul(loadFloat16(code, w, q4KMinimaOffset + offset), eighth));
      }
      code.advance(w, q4KHeaderBytes);
      code.repeatAtLeastOnce(code.local("i32", i32.const(blocksInSuperBlock)), () => {
        for (const [v, vector] of both.entries()) code.set(vector, code.load16x4U(w, (half * 2 + v) * 8));
        const ownScales = both.map((vector, v) => f32x4.mul(scales[v]!, ownScale(vector, mask)));
        const ownMinima = both.map((vector, v) => f32x4.mul(minima[v]!, ownMinimum(vector)));
        code.storePair(to, ownScales);
        code.storePair(to, ownMinima, expandedBytes);
        expandFourBits(code, half, w, to);
        code.advance(w, q4BlockBytes);
        code.advance(to, expandedBytes + 32);
      });
    });
  });
}

const expansions = [defineExpansion(0), defineExpansion(1)] as const;

export const linearQ4KRows: Kernel = defineQ4Rows(
  "linearQ4KRows",
  defineTiles((rows) => defineQ4Tile("linearQ4KTile", "shared", true, rows)),
  expansions,
);
