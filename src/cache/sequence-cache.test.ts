import { expect, test } from "vitest";
import type { CacheLayout } from "../backend/backend.ts";
import { ReferenceBlockStore } from "../backend/reference/block-store.ts";
import { createMatrix } from "../backend/reference/matrix.ts";
import { BlockPool } from "./block-pool.ts";
import { SequenceCache } from "./sequence-cache.ts";

const layout: CacheLayout = { layers: 2, keyValueHeads: 2, headDim: 4, blockTokens: 8, type: "f32" };

function create(type: CacheLayout["type"] = "f32"): {
  store: ReferenceBlockStore;
  pool: BlockPool;
  cache: SequenceCache;
} {
  const store = new ReferenceBlockStore({ ...layout, type });
  const pool = new BlockPool(store);
  return { store, pool, cache: new SequenceCache(pool) };
}

/** Writes tokens whose numbers tell position, layer, kind and `mark`. */
function write(store: ReferenceBlockStore, cache: SequenceCache, count: number, mark = 0): void {
  cache.reserve(count);
  const [keys, values] = [createMatrix(1, 8), createMatrix(1, 8)];
  for (let i = 0; i < count; i++) {
    const position = cache.length + i;
    for (let layer = 0; layer < layout.layers; layer++) {
      keys.data.set(Array.from({ length: 8 }, (_, c) => mark + position + layer / 4 + c / 64));
      values.data.set(Array.from({ length: 8 }, (_, c) => -(mark + position + layer / 4 + c / 64)));
      store.write(layer, cache.blocks, position, keys, values, 0);
    }
  }
  cache.advance(count);
}

async function read(cache: SequenceCache): Promise<number[]> {
  const out: number[] = [];
  for (let block = 0; block < cache.exportedBlocks; block++)
    out.push(...new Float32Array((await cache.exportBlock(block)).buffer));
  return out;
}

test("only the blocks in use are held, and all come back", () => {
  const { store, pool, cache } = create();
  expect(pool.blocksInUse).toBe(0);
  write(store, cache, 8);
  expect(pool.blocksInUse).toBe(1);
  expect(pool.bytesInUse).toBe(2 * 2 * 2 * 8 * 4 * 4); // layers, keys and values, heads, tokens, channels, bytes
  write(store, cache, 1);
  expect(pool.blocksInUse).toBe(2);
  cache.reserve(100);
  cache.truncate(9); // gives back what was reserved and not used
  expect(pool.blocksInUse).toBe(2);
  cache.truncate(8);
  expect(pool.blocksInUse).toBe(1);
  cache.release();
  expect([pool.blocksInUse, pool.bytesInUse, cache.length]).toEqual([0, 0, 0]);
});

test("forks share blocks until one writes; each keeps its own tokens", async () => {
  const { store, pool, cache } = create();
  write(store, cache, 12);
  const before = await read(cache);
  const fork = cache.fork();
  expect(pool.blocksInUse).toBe(2);
  write(store, fork, 2, 1000);
  expect(pool.blocksInUse).toBe(3); // only the block that the new tokens are in was copied
  expect(await read(cache)).toEqual(before);
  fork.truncate(12);
  expect(await read(fork)).toEqual(before);
  fork.truncate(5); // cuts into a shared block: no copy, until it writes there
  expect(pool.blocksInUse).toBe(2);
  write(store, fork, 1, 2000);
  expect(await read(cache)).toEqual(before);
  cache.release();
  fork.release();
  expect(pool.blocksInUse).toBe(0);
});

test("turning keys copies shared blocks, and leaves values alone", async () => {
  const { store, cache } = create();
  write(store, cache, 10);
  const fork = cache.fork();
  const before = await read(cache);
  const quarter = (count: number) => ({
    cos: new Float32Array(count * 2),
    sin: new Float32Array(count * 2).fill(1),
    pairs: 2,
  });
  fork.rerotate((_, count) => quarter(count));
  expect(await read(cache)).toEqual(before);
  const after = await read(fork);
  // Block 0, layer 0: two heads of keys, 8 tokens of 4 channels each; channel j turns with j + 2.
  expect(after.slice(0, 4)).toEqual([-before[2]!, -before[3]!, before[0], before[1]]);
  expect(after.slice(64, 128)).toEqual(before.slice(64, 128));
});

test.each(["f32", "f16"] as const)("an exported %s cache imports into another store as it was", async (type) => {
  const { store, cache } = create(type);
  write(store, cache, 21);
  const target = create(type).cache;
  for (let block = 0; block < cache.exportedBlocks; block++)
    target.importBlock(block, 21, await cache.exportBlock(block));
  expect(target.length).toBe(21);
  for (let block = 0; block < cache.exportedBlocks; block++)
    expect(await target.exportBlock(block)).toEqual(await cache.exportBlock(block));
});

test("a freed block is not read again by mistake", () => {
  const { pool, store } = create();
  const block = pool.allocate();
  pool.release(block);
  expect(() => pool.release(block)).toThrow(/not in use/);
  expect(() => pool.retain(block)).toThrow(/not in use/);
  expect(() => store.data(block)).toThrow(/was not allocated/);
});

test("whoever cuts into a complete block that another shares gives it up where the cache is quantised, and keeps it where it is not", () => {
  for (const type of ["q8", "f32"] as const) {
    const { store, pool, cache } = create();
    Object.assign(store.layout, { type });
    write(store, cache, 20); // two blocks of 8, and 4 tokens
    const fork = cache.fork();
    fork.truncate(13);
    expect(fork.length).toBe(type === "q8" ? 8 : 13);
    cache.truncate(18); // not complete for anybody
    expect(cache.length).toBe(18);
    fork.release();
    cache.truncate(13); // nobody else's any more
    expect(cache.length).toBe(13);
    cache.release();
    expect(pool.blocksInUse).toBe(0);
  }
});
