import type { Segment } from "../backend.ts";
import type { WasmBlockStore } from "./block-store.ts";
import { tileTokens } from "./kernels/tile-layout.ts";
import type { Program, Region } from "./program.ts";

/** Rows of one sequence that lie in one tile. */
export interface TilePart {
  /** Index of the first in the step's rows. */
  readonly firstRow: number;
  readonly rows: number;
  /** Of the first. */
  readonly position: number;
  /** Where the tile is that they are written into and read from, whatever the layer. */
  readonly home: TileHome;
  /** Index of the list of the sequence's blocks, by their addresses, in the program's numbers. */
  readonly blocks: number;
}

/** A block's own tiles; or tiles that are needed for one layer at a time, since the block is sealed in this very step. */
export type TileHome = { readonly tiles: number } | { readonly passing: number };

/** A q8 block that is complete with this step. */
interface Seal {
  readonly block: number;
  readonly source: TileHome;
  readonly target: number;
}

/**
 * What a step does to a cache: which tiles its rows lie in, which blocks get memory, which are sealed. It is the same for all layers.
 */
export class CacheStep {
  readonly parts: readonly TilePart[];
  readonly seals: readonly Seal[];
  readonly #store: WasmBlockStore;
  /** Address of the tiles that pass, of one layer: the next layer's lie in the same place. */
  readonly passingTiles: number;
  /** The region that stands for them, so that a layer's are written when those of the layer before have been read. */
  readonly passing: Region;
  readonly #layers = new Map<number, Region>();

  /** @throws SkeinError (codes `out_of_memory`; `internal`, for blocks that were not allocated) */
  constructor(store: WasmBlockStore, segments: readonly Segment[], program: Program) {
    this.#store = store;
    const isQuantised = store.layout.type === "q8";
    const parts: TilePart[] = [];
    const seals: Seal[] = [];
    let passing = 0;
    for (const { firstRow, rows, final, firstPosition, blocks } of segments) {
      const certain = Math.floor((firstPosition + final) / tileTokens); // tiles before this one are complete
      const firstTile = Math.floor(firstPosition / tileTokens);
      if (isQuantised) {
        // Guesses may have completed a tile that could not be sealed in their own step.
        for (let tile = firstTile - 1; tile >= 0 && !store.block(blocks[tile]!).isSealed; tile--) {
          const block = blocks[tile]!;
          seals.push({ block, source: { tiles: store.openTiles(block) }, target: store.prepareSeal(block) });
        }
      }
      const homes: TileHome[] = [];
      for (let tile = firstTile; tile * tileTokens < firstPosition + rows; tile++) {
        const block = blocks[tile]!;
        const isSealed = isQuantised && tile < certain;
        let home: TileHome;
        if (!isQuantised) home = { tiles: store.block(block).tiles };
        else if (isSealed && store.block(block).openTiles === 0) home = { passing: passing++ };
        else home = { tiles: store.openTiles(block) };
        if (isSealed) seals.push({ block, source: home, target: store.prepareSeal(block) });
        homes.push(home);
      }
      // Known only now: sealing has given some blocks their tiles.
      const list = program.base + program.table(blocks.map((block) => store.block(block).tiles));
      for (const [i, home] of homes.entries()) {
        const start = Math.max(firstPosition, (firstTile + i) * tileTokens);
        const end = Math.min(firstPosition + rows, (firstTile + i + 1) * tileTokens);
        parts.push({
          firstRow: firstRow + start - firstPosition,
          rows: end - start,
          position: start,
          home,
          blocks: list,
        });
      }
    }
    this.parts = parts;
    this.seals = seals;
    this.passingTiles = store.passingTiles(passing);
    this.passing = program.region(0);
  }

  /** The region that stands for a layer of the cache, so that reading it waits for writing it. */
  layer(program: Program, layer: number): Region {
    const region = this.#layers.get(layer) ?? program.region(0);
    this.#layers.set(layer, region);
    return region;
  }

  /** The step has been computed: what it sealed is sealed. */
  commit(): void {
    for (const { block } of this.seals) this.#store.seal(block);
  }
}
