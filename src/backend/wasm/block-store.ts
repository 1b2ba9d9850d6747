import { SkeinError } from "../../errors.ts";
import type { RotaryRows } from "../../position/index.ts";
import type { BlockStore, CacheLayout, KeyScales } from "../backend.ts";
import { readTiles, writeTiles } from "./block-transfer.ts";
import { tileBytes, tileTokens } from "./kernels/tile-layout.ts";
import type { Memories } from "./memories.ts";

/** What is done to tiles at once, outside of a step. */
export interface TileWork {
  readonly turn: (tiles: readonly number[], type: "f32" | "f16" | "q8", turn: RotaryRows) => void;
  /** Quantises f32 tiles, one after the other, into as many q8 tiles. */
  readonly quantise: (from: number, to: number, count: number) => void;
}

interface Block {
  /** Address of its tiles in the cache's type, [layers][keyValueHeads]; 0: there are none yet. */
  tiles: number;
  /** Address of f32 tiles, which a q8 block has until all its tokens are there; 0: there are none. */
  openTiles: number;
  /** Whether what counts are the tiles in the cache's type: always, but for q8. */
  isSealed: boolean;
}

/**
 * Blocks of one tile (128 tokens) of every layer and key/value head. Tiles are drawn in `kernels/tile-layout.ts`. A q8 block begins as
 * f32 tiles, since a query reads its own tile unquantised, and is sealed, that is quantised, when all its tokens are certain; then the f32
 * tiles are given back.
 */
export class WasmBlockStore implements BlockStore {
  readonly layout: CacheLayout;
  /** Of a block in the cache's type. */
  readonly bytesPerBlock: number;
  bytesInUse = 0;
  readonly #openBytes: number;
  readonly #memories: Memories;
  readonly #work: TileWork;
  readonly #blocks: (Block | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #passing = { address: 0, bytes: 0 };
  /** Address of what keys are multiplied by, [layers, keyValueHeads, headDim] f32, or 0; and of the inverse, for queries. */
  readonly keyScales: number = 0;
  readonly queryScales: number = 0;
  /** 1 for heads whose queries are to be fine, [layers · keyValueHeads]. */
  readonly fineHeads: Uint8Array;

  constructor(memories: Memories, layout: CacheLayout, work: TileWork, keyScales?: KeyScales) {
    this.layout = layout;
    this.#memories = memories;
    this.#work = work;
    const tiles = layout.layers * layout.keyValueHeads;
    this.bytesPerBlock = tiles * tileBytes(layout.type, layout.headDim);
    this.#openBytes = tiles * tileBytes("f32", layout.headDim);
    this.fineHeads = keyScales?.fineHeads ?? new Uint8Array();
    if (!keyScales) return;
    const { multipliers } = keyScales;
    const { working } = memories;
    this.keyScales = working.allocate(multipliers.byteLength);
    this.queryScales = working.allocate(multipliers.byteLength);
    working.floats(this.keyScales, multipliers.length).set(multipliers);
    working.floats(this.queryScales, multipliers.length).set(multipliers.map((scale) => 1 / scale));
  }

  allocate(): number {
    const isQuantised = this.layout.type === "q8";
    const tiles = isQuantised ? 0 : this.#allocate(this.bytesPerBlock);
    const block = this.#freeNumbers.pop() ?? this.#blocks.length;
    this.#blocks[block] = { tiles, openTiles: 0, isSealed: !isQuantised };
    return block;
  }

  free(number: number): void {
    const { tiles, openTiles } = this.block(number);
    if (tiles !== 0) this.#release(tiles, this.bytesPerBlock);
    if (openTiles !== 0) this.#release(openTiles, this.#openBytes);
    this.#blocks[number] = undefined;
    this.#freeNumbers.push(number);
  }

  copy(from: number, to: number): void {
    const source = this.block(from);
    if (source.isSealed) this.#copyBytes(source.tiles, this.#tilesOf(to), this.bytesPerBlock);
    else if (source.openTiles !== 0) this.#copyBytes(source.openTiles, this.openTiles(to), this.#openBytes);
    this.#block(to).isSealed = source.isSealed;
  }

  keepable(number: number, tokens: number): number {
    return this.layout.type === "q8" && this.block(number).isSealed && tokens < tileTokens ? 0 : tokens;
  }

  rerotate(number: number, turn: RotaryRows): void {
    const { isSealed, tiles, openTiles } = this.block(number);
    const type = isSealed ? this.layout.type : "f32";
    const first = isSealed ? tiles : openTiles;
    const size = tileBytes(type, this.layout.headDim);
    const count = this.layout.layers * this.layout.keyValueHeads;
    this.#work.turn(
      Array.from({ length: count }, (_, i) => first + i * size),
      type,
      turn,
    );
  }

  async export(number: number, tokens: number): Promise<Uint8Array<ArrayBuffer>> {
    const { layers, keyValueHeads, type } = this.layout;
    if (type === "q8" && tokens === tileTokens) {
      // Guesses that came true may have completed it. It stays open: a step that is being computed may read it, and seals it with the same bytes.
      if (!this.block(number).isSealed)
        this.#work.quantise(this.openTiles(number), this.#tilesOf(number), layers * keyValueHeads);
      return this.#memories.bytes(this.block(number).tiles, this.bytesPerBlock).slice();
    }
    const { isSealed, tiles, openTiles } = this.block(number);
    if (isSealed) return readTiles(this.#memories, this.layout, tiles, type as "f32" | "f16", tokens);
    return readTiles(this.#memories, this.layout, openTiles, "f32", tokens);
  }

  import(number: number, tokens: number, bytes: Uint8Array): void {
    if (this.layout.type !== "q8") {
      writeTiles(this.#memories, this.layout, this.block(number).tiles, this.layout.type, tokens, bytes);
      return;
    }
    if (tokens < tileTokens) {
      writeTiles(this.#memories, this.layout, this.openTiles(number), "f32", tokens, bytes);
      return;
    }
    if (bytes.length !== this.bytesPerBlock)
      throw new SkeinError("invalid_snapshot", "a part of the cache has a wrong size");
    this.#memories.bytes(this.#tilesOf(number), this.bytesPerBlock).set(bytes);
    this.#block(number).isSealed = true;
  }

  /** @throws SkeinError (code `internal`) when there is no such block */
  block(number: number): Readonly<Block> {
    return this.#block(number);
  }

  /** The address of a block's f32 tiles, which it gets if it has none. @throws SkeinError (code `out_of_memory`) */
  openTiles(number: number): number {
    const block = this.#block(number);
    if (block.openTiles === 0) block.openTiles = this.#allocate(this.#openBytes);
    return block.openTiles;
  }

  /** The address of the tiles that a block is to be sealed into. @throws SkeinError (code `out_of_memory`) */
  prepareSeal(number: number): number {
    return this.#tilesOf(number);
  }

  /**
   * The address of f32 tiles of one layer in the working memory, [count][keyValueHeads], which are needed for one step: the next one may move them. There
   * is one step at a time; what the largest took is kept for the next ones.
   * @throws SkeinError (code `out_of_memory`)
   */
  passingTiles(count: number): number {
    const { keyValueHeads, headDim } = this.layout;
    this.#memories.working.enlarge(this.#passing, count * keyValueHeads * tileBytes("f32", headDim));
    return this.#passing.address;
  }

  /** Says that a block's quantised tiles are complete. */
  seal(number: number): void {
    const block = this.#block(number);
    block.isSealed = true;
    if (block.openTiles !== 0) this.#release(block.openTiles, this.#openBytes);
    block.openTiles = 0;
  }

  #block(number: number): Block {
    const block = this.#blocks[number];
    if (!block) throw new SkeinError("internal", `cache block ${number} is used and was not allocated`);
    return block;
  }

  #tilesOf(number: number): number {
    const block = this.#block(number);
    if (block.tiles === 0) block.tiles = this.#allocate(this.bytesPerBlock);
    return block.tiles;
  }

  #allocate(bytes: number): number {
    const address = this.#memories.allocate(bytes);
    this.bytesInUse += bytes;
    return address;
  }

  #release(address: number, bytes: number): void {
    this.#memories.free(address, bytes);
    this.bytesInUse -= bytes;
  }

  #copyBytes(from: number, to: number, length: number): void {
    this.#memories.bytes(to, length).set(this.#memories.bytes(from, length));
  }
}
