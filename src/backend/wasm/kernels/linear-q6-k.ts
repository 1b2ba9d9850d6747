import type { Code } from "../builder/code.ts";
import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i8x16, i16x8, i32, i32x4, type Value, v128 } from "../builder/values.ts";
import { blocksInSuperBlock } from "../layout.ts";
import { loadFloat16 } from "./float16.ts";
import { expansionParameters, int15BlockBytes } from "./linear-q4.ts";
import { defineRow } from "./linear-row.ts";
import { addTwoPlanes, defineRows, defineTiles, type Half, tileParameters } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in ggml's Q6_K: a weight is scale · own scale of its 16 inputs · (its six bits - 32).
 *
 * Weights, for each group of 16 outputs and each super-block of 256 inputs (3360 bytes, 6.5625 bits a weight):
 *
 *     | scale: 16 × f16 |
 *     | 8 blocks of 32 inputs: | 16 × (own scales of the first and of the last 16 inputs: 2 × i8) | lower four bits as in `linear-q4.ts`: 256 bytes |
 *     |                        | upper two: | 2 times 16 inputs: | 4 vectors: | 4 outputs: | 4 bytes: inputs b, 4 + b, 8 + b and 12 + b from the lowest up |
 *
 * Files keep in Q6_K what matters most, so activations are always those of 15 bits that `linear-q4-fine.ts` draws. Six bits without a sign are the small
 * side of the dot product of bytes; the offset of 32 is taken out by the sums of inputs in the panel. The product of the scales is exact in float32, and the
 * integer sum of 16 inputs stays below 2^24. These are added up in order, in float32, in every variant.
 */
export const q6KHeaderBytes = 32;
const fourBitsOffset = 32;
export const q6KTwoBitsOffset = 288;
export const q6KBlockBytes = 416;

/** Bytes of a super-block. */
export const q6KSuperBlockBytes: number = q6KHeaderBytes + blocksInSuperBlock * q6KBlockBytes;

/** Where in a block of one row the sums of 16 inputs are, and the two planes. */
const sumsOffset = 8;
const highOffset = 16;
const lowOffset = 48;

/** The own scales of the first or the last 16 inputs of a block, of lanes that have both, as float32. */
function ownScale(both: Value<"v128">, part: Half): Value<"v128"> {
  return f32x4.convertI32(i32x4.shrS(part === 0 ? i32x4.shl(both, 24) : both, part === 0 ? 24 : 8));
}

/**
 * Six bits, as bytes.
 * @param packed - the lower four, of two steps of four inputs
 * @param upper - the upper two, of four
 */
function sixBits(code: Code, packed: Value<"v128">, upper: Value<"v128">, step: number): Value<"v128"> {
  const four = v128.and(step % 2 === 0 ? packed : i16x8.shrU(packed, 4), code.constant(i8x16.const(15)));
  const place = 4 - 2 * (step % 4);
  const moved = place > 0 ? i16x8.shl(upper, place) : place < 0 ? i16x8.shrU(upper, -place) : upper;
  return v128.or(four, v128.and(moved, code.constant(i8x16.const(48))));
}

/** One row of activations: {@link defineRow}. The sums of 16 inputs are taken one vector after the other. */
export const linearQ6KRow: Kernel = defineRow(
  "linearQ6KRow",
  { weights: q6KBlockBytes, panel: int15BlockBytes, header: q6KHeaderBytes },
  (code, { weights, panel }) => {
    const sums = code.locals(4, "v128");
    const scales = code.locals(4, "v128");
    const starts = code.locals(2, "v128");
    const [high, low, input] = [code.local("v128"), code.local("v128"), code.local("v128")];
    const [both, packed, upper] = [code.local("v128"), code.local("v128"), code.local("v128")];
    const [highs, lows] = [code.local("v128"), code.local("v128")];
    const six = code.local("v128");
    const add16 = (v: number, part: Half): void => {
      code.set(upper, code.load(weights, q6KTwoBitsOffset + (part * 4 + v) * 16));
      code.set(highs, v128.zero);
      code.set(lows, starts[part]!);
      for (let chunk = part * 2; chunk < part * 2 + 2; chunk++) {
        code.set(packed, code.load(weights, fourBitsOffset + (chunk * 4 + v) * 16));
        code.sumSmallDots([highs, lows], (add) => {
          for (let step = chunk * 2; step < chunk * 2 + 2; step++) {
            code.set(six, sixBits(code, packed, upper, step));
            code.set(high, code.loadSplat32(panel, highOffset + step * 4));
            code.set(low, code.loadSplat32(panel, lowOffset + step * 4));
            add(highs, high, six);
            add(lows, low, six);
          }
        });
      }
      const scale = f32x4.mul(f32x4.mul(scales[v]!, ownScale(both, part)), input);
      const integers = f32x4.convertI32(i32x4.add(i32x4.shl(highs, 7), lows));
      code.set(sums[v]!, code.multiplyAdd(integers, scale, sums[v]!));
    };
    return {
      sums,
      header: () => {
        for (const [v, scale] of scales.entries()) code.set(scale, loadFloat16(code, weights, v * 8));
      },
      block: () => {
        for (const [part, start] of starts.entries()) code.set(start, offsetOf(code, panel, sumsOffset + part * 4));
        code.set(input, code.loadSplat32(panel));
        for (let v = 0; v < 4; v++) {
          code.set(both, code.load16x4(weights, v * 8));
          for (const part of [0, 1] as const) add16(v, part);
        }
      },
    };
  },
);

/** What the offset of the weights adds to the sum of 16 inputs: -32 · theirs, of which the panel has a quarter. */
function offsetOf(code: Code, panel: Value<"address">, offset: number): Value<"v128"> {
  return i32x4.shl(code.loadSplat32(panel, offset), 2);
}

/**
 * Half a group's weights, one byte each, with scales as f32; for each 16 inputs (160 bytes):
 *
 *     | scale: 8 × f32 | 4 steps of 4 inputs: | 2 vectors: | 4 outputs: | 4 × u8 |
 */
const expandedBytes = 160;
const expandedOffset = 32;

function defineExpansion(half: Half): WasmFunction<typeof expansionParameters> {
  return defineInner(`expandQ6KHalf${half}`, expansionParameters, (code, { weights, expanded, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", expanded);
    const scales = code.locals(2, "v128");
    const [packed, upper] = [code.locals(2, "v128"), code.locals(2, "v128")];
    code.repeat(i32.divU(blocks, i32.const(blocksInSuperBlock)), () => {
      for (let v = 0; v < 2; v++) code.set(scales[v]!, loadFloat16(code, w, (half * 2 + v) * 8));
      code.advance(w, q6KHeaderBytes);
      code.repeatAtLeastOnce(code.local("i32", i32.const(blocksInSuperBlock)), () => {
        for (const part of [0, 1] as const) {
          const own = scales.map((scale, v) => f32x4.mul(scale, ownScale(code.load16x4(w, (half * 2 + v) * 8), part)));
          code.storePair(to, own);
          for (const [v, vector] of upper.entries())
            code.set(vector, code.load(w, q6KTwoBitsOffset + (part * 4 + half * 2 + v) * 16));
          for (let step = 0; step < 4; step++) {
            if (step % 2 === 0) {
              const chunk = part * 2 + (step >> 1);
              for (const [v, vector] of packed.entries())
                code.set(vector, code.load(w, fourBitsOffset + (chunk * 4 + half * 2 + v) * 16));
            }
            const six = packed.map((vector, v) => sixBits(code, vector, upper[v]!, step));
            code.storePair(to, six, expandedOffset + step * 32);
          }
          code.advance(to, expandedBytes);
        }
        code.advance(w, q6KBlockBytes);
      });
    });
  });
}

const expansions = [defineExpansion(0), defineExpansion(1)] as const;

function defineTile(rows: number): WasmFunction<typeof tileParameters> {
  return defineInner(`linearQ6KTile${rows}`, tileParameters, (code, { weights, x, sums, blocks }) => {
    const w = code.local("address", weights);
    const panel = code.local("address", x);
    const vectors = code.locals(2, "v128");
    const integers = Array.from({ length: rows }, () => code.locals(2, "v128"));
    const [input, offset] = [code.local("v128"), code.local("v128")];
    const planes = code.local("address");
    const sumsOf16 = code.local("address");
    const add16 = (): void => {
      addTwoPlanes(code, integers.flat(), planes, (plane) => {
        for (const steps of [0, 2]) {
          code.sumSmallDots(integers.flat(), (add) => {
            for (let step = steps; step < steps + 2; step++) {
              for (const [v, vector] of vectors.entries())
                code.set(vector, code.load(w, expandedOffset + (step * 2 + v) * 16));
              for (const [row, pair] of integers.entries()) {
                code.set(input, code.loadSplat32(plane, row * 4));
                for (const [v, integer] of pair.entries()) add(integer, input, vectors[v]!);
              }
              code.advance(plane, rows * 4);
            }
          });
        }
        code.advance(plane, rows * 16);
      });
      for (const [v, vector] of vectors.entries()) code.set(vector, code.load(w, v * 16));
      for (const [row, pair] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, row * 4));
        code.set(offset, offsetOf(code, sumsOf16, row * 4));
        const sumOf = (integer: Value<"v128">, v: number): Value<"v128"> => {
          const sum = f32x4.convertI32(i32x4.add(integer, offset));
          return code.multiplyAdd(sum, f32x4.mul(vectors[v]!, input), code.load(sums, (row * 2 + v) * 16));
        };
        code.storePair(sums, pair.map(sumOf), row * 32);
      }
      code.advance(w, expandedBytes);
      code.advance(planes, rows * 16);
      code.advance(sumsOf16, rows * 4);
    };
    code.repeat(blocks, () => {
      code.set(planes, code.offset(panel, rows * highOffset));
      code.set(sumsOf16, code.offset(panel, rows * sumsOffset));
      code.repeatAtLeastOnce(code.local("i32", i32.const(2)), add16);
      code.advance(panel, rows * int15BlockBytes);
    });
  });
}

/** Several rows of activations; scratch holds half a group's expanded weights. */
const tiles = defineTiles(defineTile);
export const linearQ6KRows: Kernel = defineRows("linearQ6KRows", tiles, (code, half, weights, scratch, blocks) => {
  code.call(expansions[half], { weights, expanded: scratch, blocks });
  return scratch;
});
