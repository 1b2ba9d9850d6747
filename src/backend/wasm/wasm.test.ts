import fc from "fast-check";
import { expect, test } from "vitest";
import { dequantised, quantiseQ4, quantiseQ8 } from "../../checkpoint/quantise.ts";
import { createRandom } from "../../sampling/random.ts";
import type { Backend, Tensor, WeightSource, WeightType } from "../backend.ts";
import { createReferenceBackend } from "../reference/reference.ts";
import { computeStep, randomNumbers, relativeDifference, tensors, upload, wasmBackend } from "./backend-harness.ts";
import { roundToBfloat16 } from "./kernels/linear-harness.ts";
import { quantiseSuperBlocks } from "./kernels/super-block-harness.ts";
import { mostInputs } from "./other-memories.ts";

const reference = createReferenceBackend();
const backends = {
  relaxed: await wasmBackend(1),
  pairs: await wasmBackend(1, "pairs"),
  plain: await wasmBackend(1, "plain"),
  "three threads, several memories": await wasmBackend(3, "relaxed", 80),
};

const seeds = fc.integer({ min: 1, max: 1e6 });

/** Computes the same by a backend and by the reference. */
async function both(
  backend: Backend,
  matrices: Parameters<typeof tensors>[1],
  vectors: readonly Float32Array<ArrayBuffer>[],
  build: (backend: Backend, xs: Tensor[], weights: Awaited<ReturnType<typeof upload>>) => Tensor,
) {
  const [got, expected] = await Promise.all(
    [backend, reference].map(async (of) => {
      const make = await tensors(of, matrices);
      const weights = await upload(
        of,
        vectors.map((numbers) => ({ shape: [numbers.length], numbers })),
      );
      return computeStep(of, () => build(of, make(), weights));
    }),
  );
  return { got: got!, expected: expected! };
}

for (const [name, backend] of Object.entries(backends)) {
  test(`${name}: norms, gated units and chosen rows are the reference's`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 40 }),
        seeds,
        async (rows, heads, width, seed) => {
          const columns = heads * width;
          const matrices = [0, 1, 2].map((i) => ({ rows, columns, numbers: randomNumbers(rows * columns, seed + i) }));
          const gains = [randomNumbers(columns, seed + 3), randomNumbers(width, seed + 4)];
          const chosen = Uint32Array.from({ length: 1 + (seed % 15) }, (_, i) => (i * 7 + seed) % rows);
          const builds: Parameters<typeof both>[3][] = [
            (of, [a], [gain]) => of.rmsNorm(a!, gain!, 1e-6),
            (of, [a], [, gain]) => of.rmsNorm(a!, gain!, 1e-6),
            (of, [a, b]) => of.gatedSilu(a!, b!),
            (of, [a]) => of.takeRows(a!, chosen),
            (of, [a, b, c], [gain]) =>
              of.takeRows(of.gatedSilu(of.rmsNorm(of.gatedSilu(a!, b!), gain!, 1e-5), c!), chosen),
          ];
          for (const build of builds) {
            const { got, expected } = await both(backend, matrices, gains, build);
            expect(relativeDifference(got, expected)).toBeLessThan(1e-6); // a few roundings of float32
          }
        },
      ),
      { numRuns: 12, seed: 11 },
    );
  });

  test.for(["f32", "f16", "bf16", "q8", "q4"] as const)(
    `${name}: matrices of %s, with and without a bias and rows to add to, are near the reference's with the same weights`,
    async (type) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 13 }),
          fc.integer({ min: 1, max: 150 }),
          fc.integer({ min: 1, max: 70 }),
          fc.record({ bias: fc.boolean(), residual: fc.boolean() }),
          seeds,
          async (rows, inputs, outputs, has, seed) => {
            const x = { rows, columns: inputs, numbers: randomNumbers(rows * inputs, seed) };
            const weight = { shape: [outputs, inputs], numbers: randomNumbers(outputs * inputs, seed + 1) };
            const bias = { shape: [outputs], numbers: randomNumbers(outputs, seed + 2) };
            const residual = { rows, columns: outputs, numbers: randomNumbers(rows * outputs, seed + 3) };
            const held = { ...weight, numbers: heldNumbers(type, weight.numbers, inputs) };
            const linear = async (of: Backend, matrix: typeof weight & { type?: WeightType }) => {
              const make = await tensors(of, [x, residual]);
              const [w, b] = await upload(of, [matrix, bias]);
              return computeStep(of, () => {
                const [input, added] = make();
                return of.linear(input!, w!, has.bias ? b : undefined, has.residual ? added : undefined);
              });
            };
            const got = await linear(backend, { ...weight, type });
            const expected = await linear(reference, held);
            const limit = tolerances(type, x, held.numbers, outputs);
            for (const [i, number] of expected.entries())
              expect(Math.abs(got[i]! - number)).toBeLessThanOrEqual(limit[i]!);
          },
        ),
        { numRuns: 8, seed: 5 },
      );
    },
  );

  test.for([
    ["q4", -8, 7],
    ["q8", -128, 127],
  ] as const)(`${name}: blocks of %s that are given are kept as they are`, async ([type, least, most]) => {
    const [tokens, hidden] = [37, 96];
    const random = createRandom(3);
    const integers = Int8Array.from(
      { length: tokens * hidden },
      () => least + Math.floor(random.next() * (most - least + 1)),
    );
    const numbers = Float16Array.from({ length: integers.length / 32 }, () => random.next() - 0.5);
    const scales = new Uint16Array(numbers.buffer);
    const space = backend.allocateWeights([{ name: "embedding", shape: [tokens, hidden], type }]);
    await space.fill(0, {
      read: async () => expect.unreachable(),
      readBlocks: async (start, end) => ({
        scales: scales.slice(start / 32, end / 32),
        integers: integers.slice(start, end),
      }),
    });
    const all = Uint32Array.from({ length: tokens }, (_, token) => token);
    const got = await computeStep(backend, () => backend.embed(space.weights[0]!, all));
    expect(got).toEqual(Float32Array.from(integers, (integer, i) => integer * numbers[i >> 5]!));
    const infinite = scales.with(40, 0x7c00);
    const bad = { read: async () => expect.unreachable(), readBlocks: async () => ({ scales: infinite, integers }) };
    await expect(space.fill(0, bad)).rejects.toThrow(/embedding: a weight is not finite/);
  });

  test.for(["q4_k", "q6_k"] as const)(
    `${name}: super-blocks of %s that are given are kept as they are`,
    async (type) => {
      const [tokens, hidden] = [37, 512];
      const { bytes, run, scales, minima, integers } = quantiseSuperBlocks(type, randomNumbers(tokens * hidden, 3));
      const blockBytes = (bytes.length / integers.length) * 256;
      const space = backend.allocateWeights([{ name: "embedding", shape: [tokens, hidden], type }]);
      const source = (of: Uint8Array): WeightSource => ({
        read: async () => expect.unreachable(),
        readSuperBlocks: async (start, end) => of.slice((start / 256) * blockBytes, (end / 256) * blockBytes),
      });
      await space.fill(0, source(bytes));
      const all = Uint32Array.from({ length: tokens }, (_, token) => token);
      const got = await computeStep(backend, () => backend.embed(space.weights[0]!, all));
      const numbers = Float32Array.from(integers, (integer, i) => {
        const part = Math.floor(i / run);
        return scales[part]! * integer - minima[part]!;
      });
      expect(got).toEqual(numbers);
      const infinite = bytes.slice();
      new DataView(infinite.buffer).setUint16(36 * 2 * blockBytes + (type === "q4_k" ? 0 : 208), 0x7c00, true);
      await expect(space.fill(0, source(infinite))).rejects.toThrow(/embedding: a weight is not finite/);
      await expect(space.fill(0, { read: source(bytes).read })).rejects.toThrow(/not given in super-blocks/);
    },
  );

  test(`${name}: a row of an embedding is what its type holds`, async () => {
    const [tokens, hidden] = [37, 45];
    const numbers = randomNumbers(tokens * hidden, 3);
    const wanted = Uint32Array.of(36, 0, 5, 5, 16, 15);
    for (const type of ["f32", "f16", "bf16", "q8", "q4"] as const) {
      const [weight] = await upload(backend, [{ shape: [tokens, hidden], type, numbers }]);
      const held = heldNumbers(type, numbers, hidden);
      const got = await computeStep(backend, () => backend.embed(weight!, wanted));
      expect([...got]).toEqual(
        [...wanted].flatMap((token) => [...held.subarray(token * hidden, (token + 1) * hidden)]),
      );
    }
  });

  test.for(["f32", "q8", "q4"] as const)(
    `${name}: a norm or gated unit that only a matrix of %s reads gives the bits that its rows would`,
    async (type) => {
      const [rows, columns, outputs] = [7, 72, 20];
      const make = await tensors(backend, [
        { rows, columns, numbers: randomNumbers(rows * columns, 1) },
        { rows, columns, numbers: randomNumbers(rows * columns, 2) },
      ]);
      const weights = await upload(backend, [
        { shape: [outputs, columns], type, numbers: randomNumbers(outputs * columns, 3) },
        { shape: [columns], numbers: randomNumbers(columns, 4) },
        { shape: [24], numbers: randomNumbers(24, 5) },
      ]);
      const [matrix, gain, headGain] = weights as [(typeof weights)[0], (typeof weights)[0], (typeof weights)[0]];
      const all = Uint32Array.from({ length: rows }, (_, i) => i);
      for (const lazy of [
        (a: Tensor) => backend.rmsNorm(a, gain, 1e-6),
        (a: Tensor) => backend.rmsNorm(a, headGain, 1e-6),
        (a: Tensor, b: Tensor) => backend.gatedSilu(a, b),
      ]) {
        const build = (isStored: boolean) => () => {
          const [a, b] = make();
          const x = lazy(a!, b!);
          if (isStored) backend.takeRows(x, all);
          return backend.linear(x, matrix);
        };
        expect(await computeStep(backend, build(false))).toEqual(await computeStep(backend, build(true)));
      }
    },
  );
}

/** The numbers that a type holds instead of these. */
function heldNumbers(type: WeightType, numbers: Float32Array<ArrayBuffer>, columns: number): Float32Array<ArrayBuffer> {
  if (type === "f16") return Float32Array.from(new Float16Array(numbers));
  if (type === "bf16") return numbers.map(roundToBfloat16);
  if (type === "f32") return numbers;
  return dequantised(numbers, columns, type === "q4" ? quantiseQ4 : quantiseQ8);
}

/** Half a step of each quantised activation, by its weight; and what float32 rounds. */
function tolerances(
  type: WeightType,
  { rows, columns, numbers }: { readonly rows: number; readonly columns: number; readonly numbers: Float32Array },
  weights: Float32Array,
  outputs: number,
): Float64Array {
  const steps = {
    f32: Number.POSITIVE_INFINITY,
    f16: Number.POSITIVE_INFINITY,
    bf16: Number.POSITIVE_INFINITY,
    q8: 8191,
    q4: 127,
  }[type];
  const out = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const x = numbers.subarray(row * columns, (row + 1) * columns);
    for (let output = 0; output < outputs; output++) {
      let limit = 1e-5;
      for (let i = 0; i < columns; i++) {
        const block = x.subarray(i - (i % 32), i - (i % 32) + 32);
        const step = block.reduce((most, number) => Math.max(most, Math.abs(number)), 0) / steps;
        const weight = Math.abs(weights[output * columns + i]!);
        limit += weight * (step * 0.501 + Math.abs(x[i]!) * 1e-5);
      }
      out[row * outputs + output] = limit;
    }
  }
  return out;
}

test.for(["f16", "q8", "q4"] as const)(
  "a weight too large for %s is refused by name, and the space can be filled with another",
  async (type) => {
    const backend = backends.relaxed;
    const space = backend.allocateWeights([{ name: "model.big.weight", shape: [40, 64], type }]);
    const bad = randomNumbers(40 * 64, 1);
    bad[39 * 64 + 63] = 3e9;
    await expect(space.fill(0, { read: async (start, end) => bad.slice(start, end) })).rejects.toThrow(
      /^model\.big\.weight: .*too large for /,
    );
    const good = randomNumbers(40 * 64, 2);
    await space.fill(0, { read: async (start, end) => good.slice(start, end) });
    const got = await computeStep(backend, () => backend.embed(space.weights[0]!, Uint32Array.of(39)));
    expect([...got]).toEqual([...heldNumbers(type, good, 64).subarray(39 * 64)]);
  },
);

test.for([
  ["a matrix", [4, 32]],
  ["a vector", [128]],
] as const)("%s with a number that is none, or infinite, is refused by name", async ([, shape]) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const space = backends.relaxed.allocateWeights([{ name: "model.norm.weight", shape, type: "f32" }]);
    const numbers = new Float32Array(128).fill(1);
    numbers[77] = bad;
    const filling = space.fill(0, { read: async (start, end) => numbers.slice(start, end) });
    await expect(filling).rejects.toThrow(/^model\.norm\.weight: /);
  }
});

test("a source that fails, fails the filling, and its memory comes back", async () => {
  const backend = backends.relaxed;
  const space = backend.allocateWeights([{ name: "w", shape: [64, 64], type: "q4" }]);
  const size = () => space.contents(0).buffer.byteLength;
  const fail = () => space.fill(0, { read: () => Promise.reject(new Error("the disk is gone")) });
  await expect(fail()).rejects.toThrow("the disk is gone");
  const before = size();
  for (let i = 0; i < 50; i++) await expect(fail()).rejects.toThrow("the disk is gone");
  expect(size()).toBe(before);
});

test("a matrix larger than what is packed at a time is packed piece by piece", async () => {
  const backend = backends["three threads, several memories"];
  const [outputs, inputs] = [1030, 4200]; // more than 4 Mi numbers, with a group and a block that are not whole
  const numbers = Float32Array.from({ length: outputs * inputs }, (_, i) => ((i * 7919) % 1001) - 500);
  const reads: number[] = [];
  const space = backend.allocateWeights([{ name: "w", shape: [outputs, inputs], type: "f32" }]);
  await space.fill(0, {
    read: async (start, end) => {
      reads.push(end - start);
      return numbers.slice(start, end);
    },
  });
  expect(reads.length).toBeGreaterThan(1);
  expect(Math.max(...reads)).toBeLessThanOrEqual(4 * 2 ** 20);
  const tokens = Uint32Array.of(0, 15, 16, 990, 1000, 1029);
  const got = await computeStep(backend, () => backend.embed(space.weights[0]!, tokens));
  for (const [row, token] of tokens.entries()) {
    const difference = relativeDifference(
      got.subarray(row * inputs, (row + 1) * inputs),
      numbers.subarray(token * inputs, (token + 1) * inputs),
    );
    expect(difference).toBe(0);
  }
});

test("what was packed, written into another space, is the same weights", async () => {
  const backend = backends.relaxed;
  const specs = [
    { name: "a", shape: [33, 50], type: "q4" },
    { name: "b", shape: [50], type: "q4" },
    { name: "c", shape: [5, 7], type: "q8" },
  ] as const;
  const fill = backend.allocateWeights(specs);
  for (const [i, { shape }] of specs.entries()) {
    const numbers = randomNumbers(
      shape.reduce((product: number, size) => product * size, 1),
      i + 1,
    );
    await fill.fill(i, { read: async (start, end) => numbers.slice(start, end) });
  }
  const other = backend.allocateWeights(specs);
  expect(other.packed?.format).toBe(fill.packed?.format);
  for (const [i, part] of other.packed!.parts.entries()) part.set(fill.packed!.parts[i]!);
  for (const i of specs.keys()) expect(Buffer.compare(other.contents(i), fill.contents(i))).toBe(0);
  const tokens = Uint32Array.of(0, 32, 16);
  const rows = (space: typeof fill) => computeStep(backend, () => backend.embed(space.weights[0]!, tokens));
  expect(await rows(other)).toEqual(await rows(fill));
});

test("rows as long as a desk holds them meet weights in another memory; longer ones are refused by name", async () => {
  const numbers = randomNumbers(mostInputs * 2, 1);
  const results = [];
  for (const backend of [backends.relaxed, backends["three threads, several memories"]]) {
    const types = ["f32", "q8", "q4"] as const;
    const space = backend.allocateWeights(types.map((type) => ({ name: type, shape: [2, mostInputs], type })));
    for (const i of types.keys()) await space.fill(i, { read: async (start, end) => numbers.slice(start, end) });
    for (const matrix of space.weights)
      results.push(await computeStep(backend, () => backend.linear(backend.embed(matrix, Uint32Array.of(1)), matrix)));
    space.free();
  }
  expect(results.slice(3)).toEqual(results.slice(0, 3));
  const squares = numbers.subarray(mostInputs).reduce((sum, x) => sum + x * x, 0);
  for (const [, product] of results) expect(Math.abs(product! / squares - 1)).toBeLessThan(0.05);
  const wider = [{ name: "wider", shape: [1, mostInputs + 1], type: "f32" }] as const;
  expect(() => backends["three threads, several memories"].allocateWeights(wider)).toThrow("wider: 65537 inputs");
  backends.relaxed.allocateWeights(wider).free();
});

test("keys and values of as many numbers as a desk holds go into tiles of another memory", async () => {
  const layout = { layers: 1, keyValueHeads: mostInputs / 128, headDim: 128, blockTokens: 128 } as const;
  const columns = mostInputs;
  const [first, second] = [randomNumbers(columns, 1), randomNumbers(columns, 2)];
  const rotary = { cos: randomNumbers(64, 3), sin: randomNumbers(64, 4), pairs: 64 };
  const results: Uint8Array[][] = [[], []];
  for (const [i, backend] of [backends.relaxed, backends["three threads, several memories"]].entries()) {
    const make = await tensors(
      backend,
      [first, second].map((numbers) => ({ rows: 1, columns, numbers })),
    );
    for (const type of ["f16", "q8"] as const) {
      const multipliers = new Float32Array(columns).fill(0.5);
      const store = backend.createBlockStore(
        { ...layout, type },
        { multipliers, fineHeads: new Uint8Array(columns / 128) },
      );
      const blocks = [store.allocate()];
      const [keys, values] = make() as [Tensor, Tensor];
      const segments = [{ firstRow: 0, rows: 1, final: 1, firstPosition: 0, blocks }];
      backend.writeCache(store, 0, backend.rotate(keys, 128, rotary), values, segments);
      await backend.endStep(true);
      results[i]!.push(await store.export(blocks[0]!, 1));
      store.free(blocks[0]!);
    }
  }
  expect(results[1]).toEqual(results[0]);
});

test("keys of more numbers than a desk holds are refused where the cache may lie in another memory", () => {
  const keyValueHeads = mostInputs / 128 + 1;
  const layout = { layers: 1, keyValueHeads, headDim: 128, blockTokens: 128, type: "f32" } as const;
  const several = backends["three threads, several memories"];
  expect(() => several.createBlockStore(layout)).toThrow("keys: 65664 inputs");
  expect(backends.relaxed.createBlockStore(layout).layout).toBe(layout);
});
