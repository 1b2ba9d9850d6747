import { SkeinError } from "../../errors.ts";
import type { RotaryRows } from "../../position/index.ts";
import type { Backend, BlockStore, CacheLayout, Segment, Tensor, WeightSpec } from "../backend.ts";
import {
  enqueueAttention,
  enqueueWrite,
  type LayerWork,
  placeRotary,
  type RotaryRegions,
  type Rows,
} from "./attention-work.ts";
import { type TileWork, WasmBlockStore } from "./block-store.ts";
import { CacheStep } from "./cache-step.ts";
import { tileBytes, tileTokens, tileTypes } from "./kernels/tile-layout.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { createMatrix, type Matrix, type PackedWeight, packedSize, strideOf } from "./matrix.ts";
import { MatrixWork } from "./matrix-work.ts";
import { attentionScratchBytes } from "./operations/attention.ts";
import { cacheScratchBytes, quantiseItem, rerotateItem } from "./operations/cache.ts";
import { checkInputs } from "./other-memories.ts";
import { WasmWeightSpace } from "./weight-space.ts";

/**
 * The fast backend for processors: WebAssembly kernels over memory that threads share. Operations are put together into a program (see
 * `program.ts`), which `read` and `endStep` run.
 *
 * @throws SkeinError (code `out_of_memory`) where not even the room for addresses can be had
 */
export async function createWasmBackend(options: MachineOptions): Promise<Backend> {
  const machine = await Machine.create(options);
  const { memory, memories, program } = machine;
  const work = new MatrixWork(machine);
  const rotaries = new Map<RotaryRows, RotaryRegions>();
  const cacheSteps = new Map<BlockStore, { readonly segments: readonly Segment[]; readonly step: CacheStep }>();

  function layerWork(store: BlockStore, layer: number, segments: readonly Segment[]): LayerWork {
    const wasmStore = store as WasmBlockStore;
    let found = cacheSteps.get(store);
    if (found && found.segments !== segments)
      throw new SkeinError("internal", "all layers of a step have to have the same segments");
    if (!found) {
      found = { segments, step: new CacheStep(wasmStore, segments, program) };
      cacheSteps.set(store, found);
    }
    return { program, store: wasmStore, step: found.step, layer };
  }

  /** The rows that are to be rotated, and by what. */
  function unrotated(x: Tensor): { readonly rows: Rows; readonly rotary: RotaryRegions | undefined } {
    const { source } = x as Matrix;
    if (source.kind !== "rotate") return { rows: rowsOf(x), rotary: undefined };
    let rotary = rotaries.get(source.rotary);
    if (!rotary) {
      rotary = placeRotary(program, source.rotary);
      rotaries.set(source.rotary, rotary);
    }
    return { rows: rowsOf(source.x), rotary };
  }

  function rowsOf(x: Tensor): Rows {
    return { region: work.rows(x as Matrix), stride: strideOf(x) };
  }

  return {
    name: "wasm",
    leastRows: 20,
    blockTokens: tileTokens,
    allocateWeights: (specs) => new WasmWeightSpace(memories, machine.runNow.bind(machine), specs),
    createBlockStore: (layout: CacheLayout, keyScales) => {
      if (memories.all.length > 1) checkInputs("keys", layout.keyValueHeads * layout.headDim);
      machine.needScratch(cacheScratchBytes(layout.headDim));
      return new WasmBlockStore(memories, layout, tileWork(machine, layout.headDim), keyScales);
    },

    embed: (weight, tokens) => work.embed(weight as PackedWeight, tokens),
    linear: (x, weight, bias, residual) =>
      work.linear(x as Matrix, weight as PackedWeight, {
        bias: bias as PackedWeight | undefined,
        residual: residual as Matrix | undefined,
      }),
    addLowRank: (y, x, parts) => {
      work.addLowRank(y as Matrix, x as Matrix, parts);
      return y;
    },
    rmsNorm: (x, gain, epsilon) =>
      createMatrix(x.rows, x.columns, { kind: "rmsNorm", x: x as Matrix, gain: gain as PackedWeight, epsilon }),
    rotate: (x, _headDim, rotary) => createMatrix(x.rows, x.columns, { kind: "rotate", x: x as Matrix, rotary }),
    writeCache: (store, layer, keys, values, segments) => {
      const { rows, rotary } = unrotated(keys);
      enqueueWrite(layerWork(store, layer, segments), rows, rowsOf(values), rotary);
    },
    attention: (queries, store, layer, segments, scale, window) => {
      const { headDim, keyValueHeads } = store.layout;
      const heads = queries.columns / headDim;
      machine.needScratch(attentionScratchBytes(headDim, heads / keyValueHeads));
      const { rows, rotary } = unrotated(queries);
      const out = work.create(queries.rows, queries.columns);
      const { threads } = machine;
      const own = { heads, scale, threads, window: window ?? 0 };
      enqueueAttention(layerWork(store, layer, segments), rows, rowsOf(out), rotary, own);
      return out;
    },
    gatedSilu: (gate, up) =>
      createMatrix(gate.rows, gate.columns, { kind: "gatedSilu", gate: gate as Matrix, up: up as Matrix }),
    takeRows: (x, rows) => work.takeRows(x as Matrix, rows),

    async read(x) {
      const region = work.rows(x as Matrix);
      program.keep(region);
      await machine.run();
      const stride = strideOf(x) / 4;
      if (stride === x.columns) return memory.floats(region.address, x.rows * x.columns);
      const out = new Float32Array(x.rows * x.columns);
      for (let row = 0; row < x.rows; row++)
        out.set(memory.floats(region.address + row * stride * 4, x.columns), row * x.columns);
      return out;
    },
    async endStep(isWhole) {
      try {
        if (!isWhole) return;
        await machine.run();
        for (const { step } of cacheSteps.values()) step.commit();
      } finally {
        program.clear();
        rotaries.clear();
        cacheSteps.clear();
      }
    },
    cancelStep: () => machine.cancel(),
  };
}

/** @returns how much memory the weights take */
export function packedBytes(specs: readonly WeightSpec[]): number {
  return specs.reduce((sum, { shape, type }) => sum + packedSize(shape, type).bytes, 0);
}

/** Work on tiles that the caller's thread does alone: between steps, or in a pause of one. */
function tileWork(machine: Machine, headDim: number): TileWork {
  return {
    turn(tiles, type, { cos, sin, pairs }) {
      const { memory } = machine;
      const bytes = cos.byteLength + sin.byteLength;
      const angles = memory.allocate(bytes);
      memory.floats(angles, cos.length).set(cos);
      memory.floats(angles + cos.byteLength, sin.length).set(sin);
      const values = tiles.flatMap((tile) => {
        const item = new Array<number>(rerotateItem.length);
        item[rerotateItem.tile] = tile;
        item[rerotateItem.cacheType] = tileTypes.indexOf(type);
        item[rerotateItem.tokens] = cos.length / pairs;
        item[rerotateItem.cos] = angles;
        item[rerotateItem.sin] = angles + cos.byteLength;
        item[rerotateItem.headDim] = headDim;
        item[rerotateItem.pairs] = pairs;
        return item;
      });
      try {
        machine.runHere("rerotate", tiles.length, values, cacheScratchBytes(headDim));
      } finally {
        memory.free(angles, bytes);
      }
    },
    quantise(from, to, count) {
      const values = Array.from({ length: count }, (_, i) => {
        const item = new Array<number>(quantiseItem.length);
        item[quantiseItem.source] = from + i * tileBytes("f32", headDim);
        item[quantiseItem.target] = to + i * tileBytes("q8", headDim);
        item[quantiseItem.headDim] = headDim;
        return item;
      });
      machine.runHere("quantise", count, values.flat(), cacheScratchBytes(headDim));
    },
  };
}
