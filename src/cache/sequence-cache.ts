import type { RotaryRows } from "../position/index.ts";
import type { BlockPool } from "./block-pool.ts";

/** The cached keys and values of one sequence: a list of blocks, and how many tokens in them count. */
export class SequenceCache {
  readonly #pool: BlockPool;
  #blocks: number[] = [];
  #length = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Tokens whose keys and values are in the cache. */
  get length(): number {
    return this.#length;
  }

  /** The blocks in order; those past `length` have room for tokens that are about to be computed. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** @returns the position after the last one in the block of this position */
  blockEnd(position: number): number {
    const { blockTokens } = this.#pool.store.layout;
    return (Math.floor(position / blockTokens) + 1) * blockTokens;
  }

  /** Makes room for tokens after the present ones, and makes sure that nobody shares the block they begin in. */
  reserve(tokens: number): void {
    const { blockTokens } = this.#pool.store.layout;
    const last = Math.floor(this.#length / blockTokens);
    if (tokens > 0 && last < this.#blocks.length) this.#blocks[last] = this.#pool.own(this.#blocks[last]!);
    const needed = Math.ceil((this.#length + tokens) / blockTokens);
    while (this.#blocks.length < needed) this.#blocks.push(this.#pool.allocate());
  }

  /** Counts tokens that were computed into reserved room; what was computed there and is not counted is written over. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  /**
   * Forgets the tokens from `length` on, and gives back blocks that no token needs, reserved ones too. A quantised cache may keep fewer: the tokens
   * of a block were computed over its unquantised keys and values, which are gone when it is complete.
   */
  truncate(length: number): void {
    this.#length = this.#keepable(Math.min(this.#length, length));
    const needed = Math.ceil(this.#length / this.#pool.store.layout.blockTokens);
    while (this.#blocks.length > needed) this.#pool.release(this.#blocks.pop()!);
  }

  /** @returns a cache with the same tokens, which shares all blocks with this one until either writes */
  fork(): SequenceCache {
    const copy = new SequenceCache(this.#pool);
    this.truncate(this.#length);
    for (const block of this.#blocks) this.#pool.retain(block);
    copy.#blocks = [...this.#blocks];
    copy.#length = this.#length;
    return copy;
  }

  /**
   * Turns all cached keys. Blocks that other sequences share are copied first: their factor is their own.
   * @param turn - the rows of cosine and sine for the tokens from `start`, `count` of them
   */
  rerotate(turn: (start: number, count: number) => RotaryRows): void {
    const { blockTokens } = this.#pool.store.layout;
    for (let start = 0; start < this.#length; start += blockTokens) {
      const index = start / blockTokens;
      this.#blocks[index] = this.#pool.own(this.#blocks[index]!);
      this.#pool.store.rerotate(this.#blocks[index]!, turn(start, Math.min(blockTokens, this.#length - start)));
    }
  }

  /** @returns how many pieces {@link exportBlock} has */
  get exportedBlocks(): number {
    return Math.ceil(this.#length / this.#pool.store.layout.blockTokens);
  }

  exportBlock(index: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#pool.store.export(this.#blocks[index]!, this.#tokensIn(index, this.#length));
  }

  /** Takes the next piece of an exported cache of `total` tokens. */
  importBlock(index: number, total: number, bytes: Uint8Array): void {
    const tokens = this.#tokensIn(index, total);
    this.reserve(tokens);
    this.#pool.store.import(this.#blocks[index]!, tokens, bytes);
    this.advance(tokens);
  }

  /** Gives all blocks back. */
  release(): void {
    this.truncate(0);
  }

  /**
   * A block of which not every beginning can be had again is given up as a whole. So is one that was complete and is shared: in a quantised cache another
   * sequence may at any time have it quantised.
   */
  #keepable(length: number): number {
    const { blockTokens, type } = this.#pool.store.layout;
    const inBlock = length % blockTokens;
    if (inBlock === 0) return length;
    const start = length - inBlock;
    const block = this.#blocks[start / blockTokens]!;
    const isOthers = this.#pool.isShared(block) && this.#length >= start + blockTokens && type === "q8";
    return isOthers ? start : start + this.#pool.store.keepable(block, inBlock);
  }

  #tokensIn(index: number, total: number): number {
    const { blockTokens } = this.#pool.store.layout;
    return Math.min(blockTokens, total - index * blockTokens);
  }
}
