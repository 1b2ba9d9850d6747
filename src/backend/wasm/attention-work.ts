import type { RotaryRows } from "../../position/index.ts";
import type { WasmBlockStore } from "./block-store.ts";
import type { CacheStep, TileHome, TilePart } from "./cache-step.ts";
import { tileBytes, tileTypes } from "./kernels/tile-layout.ts";
import { attendItem, firstSpan, itemEnd, mergeItem, partialBytes, spanCount } from "./operations/attention.ts";
import { quantiseItem, writeItem } from "./operations/cache.ts";
import { operationIds } from "./operations/index.ts";
import type { Argument, Place, Program, Region } from "./program.ts";

/** Rows of float32 and how far apart they are, in bytes. */
export interface Rows {
  readonly region: Region;
  readonly stride: number;
}

/** Cosines and sines of a step's rows, in memory. */
export interface RotaryRegions {
  readonly cos: Region;
  readonly sin: Region;
  readonly pairs: number;
}

/** What all of a layer's work on the cache has in common. */
export interface LayerWork {
  readonly program: Program;
  readonly store: WasmBlockStore;
  readonly step: CacheStep;
  readonly layer: number;
}

/** Enqueues writing rows of keys and values, and sealing the blocks that are complete with them. */
export function enqueueWrite(work: LayerWork, keys: Rows, values: Rows, rotary: RotaryRegions | undefined): void {
  const { program, store, step, layer } = work;
  const { keyValueHeads, headDim, type } = store.layout;
  const memory = step.layer(program, layer);
  const writtenType = type === "f16" ? "f16" : "f32";
  const items: Argument[] = [];
  let count = 0;
  for (const part of step.parts) {
    for (const { firstRow, rows, position } of pieces(part, 0)) {
      const item = new Array<Argument>(writeItem.length);
      item[writeItem.keys] = place(keys.region, firstRow * keys.stride);
      item[writeItem.keyStride] = keys.stride;
      item[writeItem.values] = place(values.region, firstRow * values.stride);
      item[writeItem.valueStride] = values.stride;
      item[writeItem.cos] = rotary ? place(rotary.cos, firstRow * rotary.pairs * 4) : 0;
      item[writeItem.sin] = rotary ? place(rotary.sin, firstRow * rotary.pairs * 4) : 0;
      item[writeItem.multipliers] = store.keyScales && store.keyScales + layer * keyValueHeads * headDim * 4;
      item[writeItem.rows] = rows;
      item[writeItem.position] = position;
      item[writeItem.keyValueHeads] = keyValueHeads;
      item[writeItem.headDim] = headDim;
      item[writeItem.pairs] = rotary?.pairs ?? 0;
      item[writeItem.cacheType] = tileTypes.indexOf(writtenType);
      item[writeItem.tile] = tileOf(work, part.home, 0);
      item[writeItem.tileStride] = tileBytes(writtenType, headDim);
      items.push(...item);
      count++;
    }
  }
  const rotaryRegions = rotary ? [rotary.cos, rotary.sin] : [];
  program.add(operationIds.writeCache, count, items, {
    reads: [keys.region, values.region, ...rotaryRegions],
    writes: [memory, step.passing],
  });

  const seals: Argument[] = [];
  for (const { source, target } of step.seals) {
    for (let head = 0; head < keyValueHeads; head++) {
      const item = new Array<Argument>(quantiseItem.length);
      item[quantiseItem.source] = tileOf(work, source, head);
      item[quantiseItem.target] = target + (layer * keyValueHeads + head) * tileBytes("q8", headDim);
      item[quantiseItem.headDim] = headDim;
      seals.push(...item);
    }
  }
  program.add(operationIds.quantise, step.seals.length * keyValueHeads, seals, {
    reads: [step.passing],
    writes: [memory],
  });
}

/**
 * Enqueues attention of all heads over the cache.
 * @param own.window - how many tokens a row sees; 0: all
 */
export function enqueueAttention(
  work: LayerWork,
  queries: Rows,
  output: Rows,
  rotary: RotaryRegions | undefined,
  own: { readonly heads: number; readonly scale: number; readonly threads: number; readonly window: number },
): void {
  const { program, store, step, layer } = work;
  const { keyValueHeads, headDim, type } = store.layout;
  const { heads, scale, threads, window } = own;
  const group = heads / keyValueHeads;
  const all = step.parts.flatMap((part) => pieces(part, window).map((piece) => ({ ...part, ...piece })));
  const items: Argument[] = [];
  const merges: Argument[] = [];
  let itemCount = 0;
  let mergeCount = 0;
  const partials: Region[] = [];
  for (const { firstRow, rows, position, home, blocks } of all) {
    for (let head = 0; head < keyValueHeads; head++) {
      const item = new Array<Argument>(attendItem.length);
      item[attendItem.queries] = place(queries.region, firstRow * queries.stride);
      item[attendItem.queryStride] = queries.stride;
      item[attendItem.output] = place(output.region, firstRow * output.stride);
      item[attendItem.outputStride] = output.stride;
      item[attendItem.cos] = rotary ? place(rotary.cos, firstRow * rotary.pairs * 4) : 0;
      item[attendItem.sin] = rotary ? place(rotary.sin, firstRow * rotary.pairs * 4) : 0;
      item[attendItem.multipliers] =
        store.queryScales && store.queryScales + (layer * keyValueHeads + head) * headDim * 4;
      item[attendItem.tokens] = rows;
      item[attendItem.position] = position;
      item[attendItem.keyValueHead] = head;
      item[attendItem.group] = group;
      item[attendItem.headDim] = headDim;
      item[attendItem.pairs] = rotary?.pairs ?? 0;
      item[attendItem.scale] = scale;
      item[attendItem.cacheType] = tileTypes.indexOf(type);
      item[attendItem.tiles] = blocks;
      item[attendItem.tileOffset] = (layer * keyValueHeads + head) * tileBytes(type, headDim);
      item[attendItem.ownTile] = tileOf(work, home, head);
      item[attendItem.partial] = 0;
      item[attendItem.span] = 0;
      item[attendItem.fine] = store.fineHeads[layer * keyValueHeads + head] ?? 0;
      item[attendItem.window] = window;
      const first = firstSpan(position, window);
      const spans = spanCount(position) - first;
      // Few and long: the spans are spread over the threads, with the same bits.
      if (spans === 1 || all.length * keyValueHeads >= 2 * threads) {
        items.push(...item);
        itemCount++;
        continue;
      }
      const size = partialBytes(headDim, group, rows);
      const partial = program.region(spans * size);
      partials.push(partial);
      for (let span = 0; span < spans; span++) {
        item[attendItem.partial] = place(partial, span * size);
        item[attendItem.span] = first + span;
        items.push(...item);
        itemCount++;
      }
      const merge = new Array<Argument>(mergeItem.length);
      merge[mergeItem.partials] = partial;
      merge[mergeItem.partialStride] = size;
      merge[mergeItem.spans] = spans;
      merge[mergeItem.output] = place(output.region, firstRow * output.stride);
      merge[mergeItem.outputStride] = output.stride;
      merge[mergeItem.tokens] = rows;
      merge[mergeItem.keyValueHead] = head;
      merge[mergeItem.group] = group;
      merge[mergeItem.headDim] = headDim;
      merges.push(...merge);
      mergeCount++;
    }
  }
  const rotaryRegions = rotary ? [rotary.cos, rotary.sin] : [];
  const cache = [step.layer(program, layer), step.passing];
  program.add(operationIds.attend, itemCount, items, {
    reads: [queries.region, ...rotaryRegions, ...cache],
    writes: [output.region, ...partials],
  });
  program.add(operationIds.mergeSpans, mergeCount, merges, { reads: partials, writes: [...partials, output.region] });
}

/** A part in pieces, so that there is something for every thread. */
function pieces(part: TilePart, window: number): { firstRow: number; rows: number; position: number }[] {
  const all: { firstRow: number; rows: number; position: number }[] = [];
  const end = part.position + part.rows;
  for (let position = part.position; position < end; ) {
    const next = Math.min(end, itemEnd(position, window));
    all.push({ firstRow: part.firstRow + position - part.position, rows: next - position, position });
    position = next;
  }
  return all;
}

/** Where a head's tile is: in the layer's part of a block, or among the tiles that pass. */
function tileOf({ store, step, layer }: LayerWork, home: TileHome, head: number): number {
  const { keyValueHeads, headDim, type } = store.layout;
  const size = tileBytes(type === "f16" ? "f16" : "f32", headDim);
  if ("tiles" in home) return home.tiles + (layer * keyValueHeads + head) * size;
  return step.passingTiles + (home.passing * keyValueHeads + head) * size;
}

function place(region: Region, offset: number): Place {
  return { region, offset };
}

/** Puts a step's cosines and sines into memory. */
export function placeRotary(program: Program, { cos, sin, pairs }: RotaryRows): RotaryRegions {
  return { cos: program.data(cos), sin: program.data(sin), pairs };
}
