import { UnsupportedError } from "../../errors.ts";
import type { RotaryRows } from "../../position/index.ts";
import type {
  Backend,
  BlockStore,
  CacheLayout,
  LowRankRows,
  Segment,
  Tensor,
  Weight,
  WeightSpace,
  WeightSpec,
} from "../backend.ts";
import { attention } from "./attention.ts";
import { ReferenceBlockStore } from "./block-store.ts";
import { linear } from "./linear.ts";
import { createMatrix, type Matrix, type Parameter } from "./matrix.ts";

/**
 * The oracle of the fast backends: plain TypeScript on one thread, clear before fast. Sums are taken in float64, in one order that
 * depends on nothing but the lengths, and rounded to float32 once; what is stored between operations is float32.
 */
export function createReferenceBackend(): Backend {
  return {
    name: "reference",
    leastRows: 4,
    blockTokens: 128, // whatever the other backends have
    allocateWeights,
    createBlockStore,
    embed,
    linear: (x, weight, bias, residual) => {
      const product = linear(x as Matrix, weight as Parameter, bias as Parameter | undefined);
      return residual ? add(residual as Matrix, product) : product;
    },
    addLowRank,
    rmsNorm,
    rotate,
    writeCache,
    attention: (queries, store, layer, segments, scale, window) =>
      attention(queries as Matrix, store as ReferenceBlockStore, layer, segments, scale, window),
    gatedSilu,
    takeRows,
    read: async (x) => (x as Matrix).data.slice(),
    endStep: async () => {}, // the garbage collector does it
    cancelStep: () => {}, // each operation is computed where it is asked for
  };
}

/** Weights of a type that is not float32 are refused by whoever chooses the backend. */
function allocateWeights(specs: readonly WeightSpec[]): WeightSpace {
  const weights = specs.map(({ shape }): { shape: readonly number[]; data: Float32Array } => ({
    shape,
    data: new Float32Array(),
  }));
  return {
    weights,
    fill: async (index, source) => {
      const { shape } = specs[index]!;
      const count = shape.reduce((product, size) => product * size, 1);
      weights[index]!.data = await source.read(0, count);
    },
    free: () => {
      for (const weight of weights) weight.data = new Float32Array();
    },
    contents: (index) => {
      const { buffer, byteOffset, byteLength } = weights[index]!.data;
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
}

/** What scales keys for the sake of a quantised cache changes nothing in an exact one. */
function createBlockStore(layout: CacheLayout): BlockStore {
  if (layout.type !== "q8") return new ReferenceBlockStore({ ...layout, type: layout.type });
  throw new UnsupportedError("cache: q8 is not known to the reference backend; it has f32 and f16");
}

function embed(weight: Weight, tokens: Uint32Array): Matrix {
  const { shape, data } = weight as Parameter;
  const hidden = shape[1]!;
  const out = createMatrix(tokens.length, hidden);
  for (let row = 0; row < tokens.length; row++) {
    const start = tokens[row]! * hidden;
    out.data.set(data.subarray(start, start + hidden), row * hidden);
  }
  return out;
}

function addLowRank(y: Tensor, x: Tensor, parts: readonly LowRankRows[]): Matrix {
  const out = y as Matrix;
  for (const { firstRow, rows, pair } of parts) {
    const { columns, data } = x as Matrix;
    const input = { rows, columns, data: data.subarray(firstRow * columns, (firstRow + rows) * columns) };
    const added = linear(linear(input, pair.down as Parameter), pair.up as Parameter);
    const first = firstRow * out.columns;
    for (let i = 0; i < added.data.length; i++) out.data[first + i]! += added.data[i]!;
  }
  return out;
}

function rmsNorm(x: Tensor, weight: Weight, epsilon: number): Matrix {
  const { rows, columns, data } = x as Matrix;
  const gain = (weight as Parameter).data;
  const width = gain.length;
  const out = createMatrix(rows, columns);
  for (let start = 0; start < data.length; start += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += data[start + i]! * data[start + i]!;
    const inverse = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = 0; i < width; i++) out.data[start + i] = gain[i]! * Math.fround(data[start + i]! * inverse);
  }
  return out;
}

function rotate(x: Tensor, headDim: number, rotary: RotaryRows): Matrix {
  const { rows, columns, data } = x as Matrix;
  const { pairs } = rotary;
  const out = createMatrix(rows, columns);
  out.data.set(data);
  for (let row = 0; row < rows; row++) {
    for (let head = row * columns; head < (row + 1) * columns; head += headDim) {
      for (let j = 0; j < pairs; j++) {
        const cos = rotary.cos[row * pairs + j]!;
        const sin = rotary.sin[row * pairs + j]!;
        const first = data[head + j]!;
        const second = data[head + j + pairs]!;
        out.data[head + j] = first * cos - second * sin;
        out.data[head + j + pairs] = second * cos + first * sin;
      }
    }
  }
  return out;
}

function writeCache(
  store: BlockStore,
  layer: number,
  keys: Tensor,
  values: Tensor,
  segments: readonly Segment[],
): void {
  for (const segment of segments) {
    for (let i = 0; i < segment.rows; i++) {
      const row = segment.firstRow + i;
      (store as ReferenceBlockStore).write(
        layer,
        segment.blocks,
        segment.firstPosition + i,
        keys as Matrix,
        values as Matrix,
        row,
      );
    }
  }
}

function gatedSilu(gate: Tensor, up: Tensor): Matrix {
  const g = (gate as Matrix).data;
  const u = (up as Matrix).data;
  const out = createMatrix(gate.rows, gate.columns);
  for (let i = 0; i < g.length; i++) out.data[i] = Math.fround(g[i]! / (1 + Math.exp(-g[i]!))) * u[i]!;
  return out;
}

function add(a: Matrix, b: Matrix): Matrix {
  const out = createMatrix(a.rows, a.columns);
  for (let i = 0; i < a.data.length; i++) out.data[i] = a.data[i]! + b.data[i]!;
  return out;
}

function takeRows(x: Tensor, rows: Uint32Array): Matrix {
  const { columns, data } = x as Matrix;
  const out = createMatrix(rows.length, columns);
  for (let i = 0; i < rows.length; i++) {
    out.data.set(data.subarray(rows[i]! * columns, (rows[i]! + 1) * columns), i * columns);
  }
  return out;
}
