import { describe, expect, test } from "vitest";
import { SkeinError } from "../../errors.ts";
import type { RotaryRows } from "../../position/index.ts";
import type { Backend, BlockStore, CacheLayout, CacheType, Segment } from "../backend.ts";
import { createReferenceBackend } from "../reference/reference.ts";
import { randomNumbers, relativeDifference, tensors, wasmBackend } from "./backend-harness.ts";
import { WasmBlockStore } from "./block-store.ts";
import { tileBytes } from "./kernels/tile-layout.ts";
import { Memories } from "./memories.ts";

const backends = { "one memory": await wasmBackend(2), "several memories": await wasmBackend(2, "relaxed", 1) };
const reference = createReferenceBackend();

const shape = { layers: 2, keyValueHeads: 3, headDim: 20, blockTokens: 128 } as const;
const headsOf = shape.layers * shape.keyValueHeads;
const width = shape.keyValueHeads * shape.headDim;
const layoutOf = (type: CacheType): CacheLayout => ({ ...shape, type });
const length = 300;
/** Of all tokens: keys and values of each layer, and queries of twice as many heads. */
const matrices = [0, 1, 2, 3].map((i) => ({
  rows: length,
  columns: width,
  numbers: randomNumbers(length * width, i + 1),
}));
const queryMatrix = { rows: length, columns: width * 2, numbers: randomNumbers(length * width * 2, 9) };

const makers = new Map(
  await Promise.all(
    [...Object.values(backends), reference].map(
      async (of) => [of, await tensors(of, [...matrices, queryMatrix])] as const,
    ),
  ),
);

/** Writes tokens into the cache, and computes their attention in layer 1. */
async function write(
  backend: Backend,
  store: BlockStore,
  blocks: readonly number[],
  from: number,
  to: number,
  final = to - from,
): Promise<Float32Array> {
  const segments: Segment[] = [{ firstRow: 0, rows: to - from, final, firstPosition: from, blocks }];
  const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  const [keys0, values0, keys1, values1, queries] = makers.get(backend)!().map((x) => backend.takeRows(x, rows));
  backend.writeCache(store, 0, keys0!, values0!, segments);
  backend.writeCache(store, 1, keys1!, values1!, segments);
  const out = await backend.read(backend.attention(queries!, store, 1, segments, 0.2));
  await backend.endStep(true);
  return out;
}

async function filled(backend: Backend, type: CacheType, tokens: number, chunk = 77) {
  const store = backend.createBlockStore(layoutOf(type));
  const blocks = Array.from({ length: Math.ceil((tokens + 40) / 128) }, () => store.allocate());
  for (let from = 0; from < tokens; from += chunk)
    await write(backend, store, blocks, from, Math.min(tokens, from + chunk));
  return { store, blocks };
}

/** Angles for the first tokens of a block; each token's differ. */
function turnOf(tokens: number, factor = 1): RotaryRows {
  const pairs = 8;
  const angles = Float32Array.from({ length: tokens * pairs }, (_, i) => Math.sin(i) * 3);
  return {
    cos: angles.map((angle) => Math.cos(angle) * factor),
    sin: angles.map((angle) => Math.sin(angle) * factor),
    pairs,
  };
}

const floatsOf = (bytes: Uint8Array<ArrayBuffer>, type: CacheType) =>
  type === "f16" ? Float32Array.from(new Float16Array(bytes.buffer)) : new Float32Array(bytes.buffer);

describe.each(Object.entries(backends))("%s", (_, wasm) => {
  test.for(["f32", "f16"] as const)(
    "exports of a %s cache are the reference's, bit for bit, whole blocks and parts",
    async (type) => {
      const [a, b] = [await filled(wasm, type, length), await filled(reference, type, length)];
      for (const [block, tokens] of [
        [0, 128],
        [1, 128],
        [2, 44],
        [0, 1],
        [1, 0],
      ] as const) {
        const got = await a.store.export(a.blocks[block]!, tokens);
        const expected = await b.store.export(b.blocks[block]!, tokens);
        expect(Buffer.compare(got, expected)).toBe(0);
      }
    },
  );

  test("a q8 block exports float32, the reference's bits, until it is full; then its own form", async () => {
    const [a, b] = [await filled(wasm, "q8", length), await filled(reference, "f32", length)];
    const got = await a.store.export(a.blocks[2]!, 44);
    expect(Buffer.compare(got, await b.store.export(b.blocks[2]!, 44))).toBe(0);
    expect((await a.store.export(a.blocks[0]!, 128)).length).toBe(headsOf * tileBytes("q8", shape.headDim));
  });

  test("the memory of a cache is that of its blocks: of a q8 one 8 bits a number where they are sealed, 32 where they are not", async () => {
    const [open, sealed] = [headsOf * tileBytes("f32", shape.headDim), headsOf * tileBytes("q8", shape.headDim)];
    const q8 = await filled(wasm, "q8", length); // two blocks sealed, one begun
    expect(q8.store.bytesInUse).toBe(2 * sealed + open);
    q8.store.free(q8.blocks[0]!);
    q8.store.free(q8.blocks[2]!);
    expect(q8.store.bytesInUse).toBe(sealed);
    for (const backend of [wasm, reference]) {
      const { store, blocks } = await filled(backend, "f32", length);
      expect(store.bytesInUse).toBe(blocks.length * headsOf * 2 * 128 * 4 * (backend === wasm ? 32 : shape.headDim));
      for (const block of blocks) store.free(block);
      expect(store.bytesInUse).toBe(0);
    }
  });

  test.for(["f32", "f16", "q8"] as const)(
    "what was exported from a %s cache, imported elsewhere, is the same cache",
    async (type) => {
      for (const tokens of [256, 300]) {
        const from = await filled(wasm, type, tokens);
        const store = wasm.createBlockStore(layoutOf(type));
        const blocks = [store.allocate(), store.allocate(), store.allocate()];
        for (let i = 0; i * 128 < tokens; i++) {
          const count = Math.min(128, tokens - i * 128);
          const bytes = await from.store.export(from.blocks[i]!, count);
          store.import(blocks[i]!, count, bytes);
          expect(Buffer.compare(await store.export(blocks[i]!, count), bytes)).toBe(0);
          for (const wrong of [bytes.slice(1), new Uint8Array(0), new Uint8Array(bytes.length + 4)]) {
            let error: unknown;
            try {
              store.import(blocks[i]!, count, wrong);
            } catch (thrown) {
              error = thrown;
            }
            expect(error).toBeInstanceOf(SkeinError);
            expect((error as SkeinError).code).toBe("invalid_snapshot");
          }
        }
        const end = Math.min(length, tokens + 20);
        if (tokens === end) continue;
        expect(await write(wasm, store, blocks, tokens, end)).toEqual(
          await write(wasm, from.store, from.blocks, tokens, end),
        );
      }
    },
  );

  test.for(["f32", "f16", "q8"] as const)(
    "a copied %s block is the same, and stays as it is when the other is written on",
    async (type) => {
      const { store, blocks } = await filled(wasm, type, 280);
      const copies = blocks.map((block) => {
        const copy = store.allocate();
        store.copy(block, copy);
        return copy;
      });
      const before = await Promise.all([store.export(blocks[1]!, 128), store.export(blocks[2]!, 24)]);
      const rest = await write(wasm, store, blocks, 280, 300);
      expect(Buffer.compare(await store.export(copies[1]!, 128), before[0])).toBe(0);
      expect(Buffer.compare(await store.export(copies[2]!, 24), before[1])).toBe(0);
      expect(await write(wasm, store, copies, 280, 300)).toEqual(rest);
    },
  );

  test("all tokens of a block can be kept, except of a q8 block that is full", async () => {
    for (const type of ["f32", "f16"] as const) {
      const { store, blocks } = await filled(wasm, type, 200);
      for (const block of blocks.slice(0, 2))
        for (const tokens of [0, 1, 100, 128]) expect(store.keepable(block, tokens)).toBe(tokens);
    }
    const { store, blocks } = await filled(wasm, "q8", 200);
    expect([0, 1, 127, 128].map((tokens) => store.keepable(blocks[0]!, tokens))).toEqual([0, 0, 0, 128]);
    expect([0, 1, 71, 72].map((tokens) => store.keepable(blocks[1]!, tokens))).toEqual([0, 1, 71, 72]);
  });

  test("guesses never seal a q8 block; it is sealed when its tokens are certain, in a later step; what is exported is as if it were", async () => {
    const start = async () => {
      const { store, blocks } = await filled(wasm, "q8", 120, 120);
      await write(wasm, store, blocks, 120, 128, 1);
      expect(store.keepable(blocks[0]!, 121)).toBe(121);
      return { store, blocks };
    };
    const later = await start();
    const rest = await write(wasm, later.store, later.blocks, 128, 140);
    expect(later.store.keepable(later.blocks[0]!, 121)).toBe(0);
    const exported = await start();
    const bytes = await exported.store.export(exported.blocks[0]!, 128);
    expect(Buffer.compare(bytes, await later.store.export(later.blocks[0]!, 128))).toBe(0);
    expect(exported.store.keepable(exported.blocks[0]!, 121)).toBe(121);
    expect(await write(wasm, exported.store, exported.blocks, 128, 140)).toEqual(rest);
    const plain = await filled(wasm, "q8", 128, 128);
    expect(Buffer.compare(bytes, await plain.store.export(plain.blocks[0]!, 128))).toBe(0);
    expect(await write(wasm, plain.store, plain.blocks, 128, 140)).toEqual(rest);
    // A wrong guess is written over.
    const taken = await start();
    await write(wasm, taken.store, taken.blocks, 121, 128);
    expect(Buffer.compare(await taken.store.export(taken.blocks[0]!, 128), bytes)).toBe(0);
  });

  test("a step that is thrown away, or given up, seals nothing", async () => {
    const { store, blocks } = await filled(wasm, "q8", 100, 100);
    const before = await store.export(blocks[0]!, 100);
    const enqueue = () => {
      const segments: Segment[] = [{ firstRow: 0, rows: 100, final: 100, firstPosition: 100, blocks }];
      const rows = Uint32Array.from({ length: 100 }, (_, i) => 100 + i);
      const [keys, values] = makers.get(wasm)!().map((x) => wasm.takeRows(x, rows));
      for (const layer of [0, 1]) wasm.writeCache(store, layer, keys!, values!, segments);
    };
    enqueue();
    await wasm.endStep(false);
    expect(store.keepable(blocks[0]!, 100)).toBe(100);
    expect(Buffer.compare(await store.export(blocks[0]!, 100), before)).toBe(0);
    await write(wasm, store, blocks, 100, 200);
    expect(store.keepable(blocks[0]!, 100)).toBe(0);
    const whole = await filled(wasm, "q8", 200, 200);
    expect(Buffer.compare(await store.export(blocks[0]!, 128), await whole.store.export(whole.blocks[0]!, 128))).toBe(
      0,
    );
  });

  test.for(["f32", "f16"] as const)("turned keys of a %s cache are the reference's", async (type) => {
    const [a, b] = [await filled(wasm, type, length), await filled(reference, type, length)];
    for (const [block, tokens] of [
      [0, 128],
      [2, 44],
    ] as const) {
      for (const { store, blocks } of [a, b]) store.rerotate(blocks[block]!, turnOf(tokens, 1.3));
      const got = floatsOf(await a.store.export(a.blocks[block]!, tokens), type);
      const expected = floatsOf(await b.store.export(b.blocks[block]!, tokens), type);
      expect(relativeDifference(got, expected)).toBeLessThan(type === "f16" ? 2 ** -10 : 1e-6);
    }
  });

  test("turned keys of a q8 cache: those of an open block are exact, and full ones are rounded once more", async () => {
    const errorOf = async (turn: RotaryRows | undefined) => {
      const [a, b] = [await filled(wasm, "q8", 280), await filled(reference, "f32", 280)];
      if (turn) {
        for (const { store, blocks } of [a, b])
          for (const [block, tokens] of [128, 128, 24].entries())
            store.rerotate(blocks[block]!, firstRows(turn, tokens));
        const open = floatsOf(await a.store.export(a.blocks[2]!, 24), "f32");
        expect(relativeDifference(open, floatsOf(await b.store.export(b.blocks[2]!, 24), "f32"))).toBeLessThan(1e-6);
      }
      const expected = await write(reference, b.store, b.blocks, 280, 300);
      return relativeDifference(await write(wasm, a.store, a.blocks, 280, 300), expected);
    };
    const before = await errorOf(undefined);
    expect(before).toBeGreaterThan(0);
    expect(await errorOf(turnOf(128))).toBeLessThan(2 * before);
  });

  function firstRows({ cos, sin, pairs }: RotaryRows, rows: number): RotaryRows {
    return { cos: cos.slice(0, rows * pairs), sin: sin.slice(0, rows * pairs), pairs };
  }

  test("scaled keys change nothing in an exact cache", async () => {
    // The two channels of a rotated pair have the same; nothing is rotated here.
    const scales = {
      multipliers: Float32Array.from({ length: shape.layers * width }, (_, i) => 2 ** ((i % 5) - 3)),
      fineHeads: new Uint8Array(shape.layers * shape.keyValueHeads),
    };
    const results = await Promise.all(
      [undefined, scales].map(async (given) => {
        const store = wasm.createBlockStore(layoutOf("f32"), given);
        return { store, blocks: [store.allocate(), store.allocate()] };
      }),
    );
    const [plain, scaled] = results as [(typeof results)[0], (typeof results)[0]];
    const got = await write(wasm, scaled.store, scaled.blocks, 0, 140);
    expect(got).toEqual(await write(wasm, plain.store, plain.blocks, 0, 140)); // powers of two
    expect(await scaled.store.export(scaled.blocks[0]!, 128)).not.toEqual(
      await plain.store.export(plain.blocks[0]!, 128),
    );
  });

  test.for(["f32", "f16", "q8"] as const)(
    "freed %s blocks give their memory back, whatever was done with them",
    async (type) => {
      const size = () => {
        const space = wasm.allocateWeights([{ name: "x", shape: [1], type: "f32" }]);
        const { byteLength } = space.packed!.parts[0]!.buffer;
        space.free();
        return byteLength;
      };
      const store = wasm.createBlockStore(layoutOf(type));
      const cycle = async () => {
        const blocks = [store.allocate(), store.allocate(), store.allocate()];
        for (const [from, to] of [
          [0, 100],
          [100, 120],
          [120, 270],
        ] as const)
          await write(wasm, store, blocks, from, to);
        const copies = blocks.map((block) => {
          const copy = store.allocate();
          store.copy(block, copy);
          return copy;
        });
        store.import(copies[0]!, 128, await store.export(blocks[0]!, 128));
        store.import(copies[2]!, 14, await store.export(blocks[2]!, 14));
        for (const block of [...copies, ...blocks]) store.rerotate(block, turnOf(10));
        for (const block of [...blocks.reverse(), ...copies]) store.free(block);
      };
      for (let i = 0; i < 3; i++) await cycle();
      const before = size();
      for (let i = 0; i < 25; i++) await cycle();
      expect(size()).toBe(before);
    },
  );
});

test("blocks have numbers of their own, are used again, and are not used after they were freed", () => {
  const memories = new Memories({ others: 0, reserved: 0 });
  const work = { turn: () => {}, quantise: () => {} };
  for (const type of ["f32", "f16", "q8"] as const) {
    const store = new WasmBlockStore(memories, layoutOf(type), work);
    const blocks = Array.from({ length: 50 }, () => store.allocate());
    expect(new Set(blocks).size).toBe(50);
    for (const block of blocks) if (type === "q8") store.openTiles(block);
    const size = memories.working.byteLength;
    for (let round = 0; round < 20; round++) {
      const freed = blocks.splice(round, 10);
      for (const block of freed) store.free(block);
      expect(() => store.free(freed[0]!)).toThrow("was not allocated");
      expect(() => store.block(freed[0]!)).toThrow("was not allocated");
      for (let i = 0; i < 10; i++) blocks.push(store.allocate());
      for (const block of blocks) if (type === "q8") store.openTiles(block);
      expect(new Set(blocks).size).toBe(50);
    }
    expect(memories.working.byteLength).toBe(size);
    for (const block of blocks) store.free(block);
  }
});

test("tiles that pass stay where they are until there are more of them, and then give their memory back", () => {
  const memories = new Memories({ others: 0, reserved: 0 });
  const store = new WasmBlockStore(memories, layoutOf("q8"), { turn: () => {}, quantise: () => {} });
  const first = store.passingTiles(2);
  expect([store.passingTiles(1), store.passingTiles(0), store.passingTiles(2)]).toEqual([first, first, first]);
  memories.working.allocate(64); // what is behind them
  expect(store.passingTiles(3)).toBeGreaterThan(first);
  expect(memories.working.allocate(64)).toBe(first);
});
