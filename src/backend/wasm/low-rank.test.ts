import { expect, test } from "vitest";
import type { Backend, LowRankPair, LowRankRows, Tensor, Weight } from "../backend.ts";
import { createReferenceBackend } from "../reference/reference.ts";
import { computeStep, randomNumbers, relativeDifference, tensors, upload, wasmBackend } from "./backend-harness.ts";

/* Low-rank matrices beside a weight: near the reference's, and each row as if it were alone. */
const reference = createReferenceBackend();
const backends = {
  relaxed: await wasmBackend(1),
  pairs: await wasmBackend(1, "pairs"),
  plain: await wasmBackend(1, "plain"),
  "three threads, several memories": await wasmBackend(3, "relaxed", 1),
};

const rows = 13;
const inputs = 200; // 7 blocks, the last one not whole
const outputs = 75; // 5 groups: an odd number, the last one not whole
const ranks = [1, 8, 40];

/** What is computed with: rows of x and of a gate, gains of a norm, a matrix, and pairs of several ranks. */
interface Prepared {
  readonly make: () => Tensor[];
  readonly gain: Weight;
  readonly matrix: Weight;
  readonly pairs: readonly LowRankPair[];
}

async function prepare(of: Backend, type: "f32" | "q8" | "bf16", downType: "f32" | "f16" | "bf16"): Promise<Prepared> {
  // Numbers that both types of 16 bits hold, so that the reference has the same.
  const coarse = (count: number, seed: number) =>
    randomNumbers(count, seed).map((value) => Math.round(value * 16) / 64);
  const make = await tensors(
    of,
    [1, 2].map((seed) => ({ rows, columns: inputs, numbers: randomNumbers(rows * inputs, seed) })),
  );
  const isFast = of !== reference;
  const [gain, matrix, ...low] = await upload(of, [
    { shape: [inputs], numbers: randomNumbers(inputs, 3) },
    { shape: [outputs, inputs], numbers: coarse(outputs * inputs, 4), ...(isFast && { type }) },
    ...ranks.flatMap((rank, i) => [
      { shape: [rank, inputs], numbers: coarse(rank * inputs, 10 + i), ...(isFast && { type: downType }) },
      { shape: [outputs, rank], numbers: randomNumbers(outputs * rank, 20 + i) },
    ]),
  ]);
  return {
    make,
    gain: gain!,
    matrix: matrix!,
    pairs: ranks.map((_, i) => ({ down: low[2 * i]!, up: low[2 * i + 1]! })),
  };
}

/** How x comes about: as rows, or as what only matrices read. */
const sources = {
  rows: (_: Backend, [a]: Tensor[]) => a!,
  "a norm": (of: Backend, [a]: Tensor[], gain: Weight) => of.rmsNorm(a!, gain, 1e-6),
  "a gated unit": (of: Backend, [a, b]: Tensor[]) => of.gatedSilu(a!, b!),
};

/** Which rows have which pair: parts of several rows and of one, at the edges and with rows between that have none. */
const layouts: readonly (readonly (readonly [firstRow: number, rows: number, pair: number])[])[] = [
  [[0, 13, 1]],
  [[4, 1, 2]],
  [
    [0, 1, 0],
    [1, 6, 1],
    [9, 1, 1],
    [11, 2, 2],
  ],
];

function compute(
  of: Backend,
  { make, gain, matrix, pairs }: Prepared,
  source: keyof typeof sources,
  layout: (typeof layouts)[number],
): Promise<Float32Array> {
  return computeStep(of, () => {
    const x = sources[source](of, make(), gain);
    const parts: LowRankRows[] = layout.map(([firstRow, count, pair]) => ({
      firstRow,
      rows: count,
      pair: pairs[pair]!,
    }));
    const y = of.linear(x, matrix);
    return parts.length > 0 ? of.addLowRank(y, x, parts) : y;
  });
}

const rowOf = (numbers: Float32Array, row: number): Float32Array =>
  numbers.subarray(row * outputs, (row + 1) * outputs);

for (const [name, backend] of Object.entries(backends)) {
  test.for([
    ["f32", "f32"],
    ["bf16", "bf16"],
    ["f32", "f16"],
  ] as const)(`${name}: beside a matrix of %s, in %s, near the reference's`, async ([type, downType]) => {
    const [fast, exact] = [await prepare(backend, type, downType), await prepare(reference, "f32", "f32")];
    for (const source of Object.keys(sources) as (keyof typeof sources)[]) {
      for (const layout of layouts) {
        const got = await compute(backend, fast, source, layout);
        expect(relativeDifference(got, await compute(reference, exact, source, layout))).toBeLessThan(2e-6);
      }
    }
  });

  test.for(["f32", "q8"] as const)(
    `${name}: beside a matrix of %s rows without a pair keep their bits, and others have those that they have alone`,
    async (type) => {
      const prepared = await prepare(backend, type, "f32");
      for (const source of Object.keys(sources) as (keyof typeof sources)[]) {
        const plain = (await compute(backend, prepared, source, [])).slice();
        for (const layout of layouts) {
          const got = (await compute(backend, prepared, source, layout)).slice();
          const pairOf = new Map(
            layout.flatMap(([first, count, pair]) =>
              Array.from({ length: count }, (_, i) => [first + i, pair] as const),
            ),
          );
          for (let row = 0; row < rows; row++) {
            const pair = pairOf.get(row);
            const alone = pair === undefined ? plain : await compute(backend, prepared, source, [[row, 1, pair]]);
            expect(rowOf(got, row)).toEqual(rowOf(alone, row));
          }
        }
      }
    },
  );
}

test("a step has room for 256 sequences with an adapter each: what they add to other rows they add in one phase", async () => {
  const backend = backends["three threads, several memories"];
  const [sequences, width, matrices] = [256, 32, 70];
  const numbers = randomNumbers(sequences * width, 1);
  const make = await tensors(backend, [{ rows: sequences, columns: width, numbers }]);
  const [matrix, ...low] = await upload(backend, [
    { shape: [width, width], numbers: randomNumbers(width * width, 2) },
    ...Array.from({ length: sequences }, (_, i) => ({ shape: [1, width], numbers: randomNumbers(width, 10 + i) })),
    ...Array.from({ length: sequences }, (_, i) => ({ shape: [width, 1], numbers: randomNumbers(width, 500 + i) })),
  ]);
  const parts = Array.from({ length: sequences }, (_, row): LowRankRows => {
    return { firstRow: row, rows: 1, pair: { down: low[row]!, up: low[sequences + row]! } };
  });
  const together = await computeStep(backend, () => {
    const [x] = make() as [Tensor];
    const products = Array.from({ length: matrices }, () => backend.addLowRank(backend.linear(x, matrix!), x, parts));
    return products.at(-1)!;
  });
  const all = together.slice();
  for (const part of [parts[0]!, parts[100]!, parts[255]!]) {
    const alone = await computeStep(backend, () => {
      const [x] = make() as [Tensor];
      return backend.addLowRank(backend.linear(x, matrix!), x, [part]);
    });
    const row = (of: Float32Array) => of.subarray(part.firstRow * width, (part.firstRow + 1) * width);
    expect(row(all)).toEqual(row(alone));
  }
});

test("the memory of weights that are freed is used again", async () => {
  const backend = backends.relaxed;
  const specs = [{ name: "a", shape: [512, 512], type: "f32" }] as const;
  const size = () => {
    const space = backend.allocateWeights(specs);
    const { byteLength } = space.contents(0).buffer;
    space.free();
    return byteLength;
  };
  const before = size();
  for (let i = 0; i < 50; i++) expect(size()).toBe(before);
});
