import type { BlockStore } from "../backend/backend.ts";

/**
 * Counts who uses a block, so that sequences can share the blocks of a common prefix. A block goes back to the store when its last
 * user releases it: memory follows use.
 */
export class BlockPool {
  readonly store: BlockStore;
  readonly #users = new Map<number, number>();

  constructor(store: BlockStore) {
    this.store = store;
  }

  get blocksInUse(): number {
    return this.#users.size;
  }

  get bytesInUse(): number {
    return this.store.bytesInUse;
  }

  /** @returns a block with one user, the caller */
  allocate(): number {
    const block = this.store.allocate();
    this.#users.set(block, 1);
    return block;
  }

  retain(block: number): void {
    this.#users.set(block, this.#count(block) + 1);
  }

  release(block: number): void {
    const users = this.#count(block) - 1;
    if (users > 0) {
      this.#users.set(block, users);
      return;
    }
    this.#users.delete(block);
    this.store.free(block);
  }

  isShared(block: number): boolean {
    return this.#count(block) > 1;
  }

  /**
   * What a sequence must do before it changes a block: others that share it keep the old one.
   * @returns the same block, or a copy when it is shared
   */
  own(block: number): number {
    if (!this.isShared(block)) return block;
    const copy = this.allocate();
    try {
      this.store.copy(block, copy);
    } catch (error) {
      this.release(copy);
      throw error;
    }
    this.release(block);
    return copy;
  }

  #count(block: number): number {
    const users = this.#users.get(block);
    if (users === undefined) throw new Error(`cache block ${block} is not in use`);
    return users;
  }
}
