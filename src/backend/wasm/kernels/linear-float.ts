import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { i32 } from "../builder/values.ts";
import { blockInputs } from "../layout.ts";
import { type Load, loadBfloat16, loadFloat16, loadFloat32 } from "./float16.ts";
import { defineRow } from "./linear-row.ts";
import { defineRows, defineTiles, type Tiles, tileParameters } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in floating point.
 *
 * Weights, for each group of 16 outputs: [inputs][16 outputs], f32, f16 or bf16. Inputs are padded to whole blocks of 32 with zeros.
 * Activations, for each tile of M rows (made by `panelFloat32`): [inputs][M] f32. Inputs are added up in order, in every variant.
 */
/** Inputs in one turn of the loop over them. */
const unrolled = 4;

/** One row of activations: {@link defineRow}. */
function defineFloatRow(name: string, elementBytes: number, load: Load): WasmFunction {
  return defineRow(
    name,
    { weights: blockInputs * 16 * elementBytes, panel: blockInputs * 4 },
    (code, { weights, panel }) => {
      const sums = code.locals(4, "v128");
      const input = code.local("v128");
      return {
        sums,
        block: () => {
          for (let i = 0; i < blockInputs; i++) {
            code.set(input, code.loadSplat32(panel, i * 4));
            for (const [v, sum] of sums.entries())
              code.set(sum, code.multiplyAdd(load(code, weights, (i * 16 + v * 4) * elementBytes), input, sum));
          }
        },
      };
    },
  );
}

/** Bytes of one block of half a group of widened weights, [inputs][8] f32. */
export const widenedBlockBytes: number = blockInputs * 8 * 4;

/** @param stride - bytes from one input's weights to the next one's */
function defineTile(name: string, stride: number, rows: number): WasmFunction<typeof tileParameters> {
  return defineInner(`${name}${rows}`, tileParameters, (code, { weights, x, sums, blocks }) => {
    const w = code.local("address", weights);
    const panel = code.local("address", x);
    const vectors = code.locals(2, "v128");
    const accumulators = Array.from({ length: rows }, (_, row) =>
      [0, 1].map((v) => code.local("v128", code.load(sums, (row * 2 + v) * 16))),
    );
    const input = code.local("v128");
    code.repeat(blocks, () => {
      const left = code.local("i32", i32.const(blockInputs / unrolled));
      code.repeatAtLeastOnce(left, () => {
        for (let i = 0; i < unrolled; i++) {
          for (const [v, vector] of vectors.entries()) code.set(vector, code.load(w, i * stride + v * 16));
          for (const [row, pair] of accumulators.entries()) {
            code.set(input, code.loadSplat32(panel, (i * rows + row) * 4));
            for (const [v, sum] of pair.entries()) code.set(sum, code.multiplyAdd(vectors[v]!, input, sum));
          }
        }
        code.advance(w, unrolled * stride);
        code.advance(panel, unrolled * rows * 4);
      });
    });
    for (const [row, pair] of accumulators.entries()) code.storePair(sums, pair, row * 32);
  });
}

/** Tiles over f32 weights where they lie, and over half a group that was widened into scratch, [inputs][8] f32. */
const tilesInPlace: Tiles = defineTiles((rows) => defineTile("linearFloat32Tile", 64, rows));
const tilesWidened: Tiles = defineTiles((rows) => defineTile("linearWidenedTile", 32, rows));

const wideningParameters = { weights: "address", widened: "address", blocks: "i32" } as const;

function defineWidening(name: string, load: Load): WasmFunction<typeof wideningParameters> {
  return defineInner(name, wideningParameters, (code, { weights, widened, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", widened);
    code.repeat(blocks, () => {
      for (let i = 0; i < blockInputs; i++) {
        const numbers = [0, 1].map((v) => load(code, w, i * 32 + v * 8));
        code.storePair(to, numbers, i * 32);
      }
      code.advance(w, blockInputs * 32);
      code.advance(to, widenedBlockBytes);
    });
  });
}

/** Several rows of activations; scratch holds half a group's widened weights. */
function defineWidenedRows(name: string, load: Load): WasmFunction {
  const widen = defineWidening(`${name}Widen`, load);
  return defineRows(name, tilesWidened, (code, half, weights, scratch, blocks) => {
    code.call(widen, { weights: code.offset(weights, half * 16), widened: scratch, blocks });
    return scratch;
  });
}

export const linearFloat32Row: Kernel = defineFloatRow("linearFloat32Row", 4, loadFloat32);
export const linearFloat16Row: Kernel = defineFloatRow("linearFloat16Row", 2, loadFloat16);
export const linearBfloat16Row: Kernel = defineFloatRow("linearBfloat16Row", 2, loadBfloat16);

export const linearFloat32Rows: Kernel = defineRows("linearFloat32Rows", tilesInPlace, (code, half, weights) =>
  code.offset(weights, half * 32),
);
export const linearFloat16Rows: Kernel = defineWidenedRows("linearFloat16Rows", loadFloat16);
export const linearBfloat16Rows: Kernel = defineWidenedRows("linearBfloat16Rows", loadBfloat16);
