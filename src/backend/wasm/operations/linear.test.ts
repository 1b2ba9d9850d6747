import fc from "fast-check";
import { expect, test } from "vitest";
import { normalNumbers, operationHarnesses } from "../kernels/kernel-harness.ts";
import { widenedBlockBytes } from "../kernels/linear-float.ts";
import { computeProduct, type Product, wholeInputs } from "../kernels/linear-harness.ts";
import { sumBytes } from "../kernels/linear-rows.ts";
import { blocksInSuperBlock, blocksOf } from "../layout.ts";
import { packedBlockBytes } from "../pack.ts";
import { isSuperBlockType } from "../pack-super-blocks.ts";
import {
  blocksAtOnce,
  cachedPanelBytes,
  linearKernels,
  linearScratchBytes,
  type ProductType,
  products,
  productTypes,
} from "./linear.ts";
import { panelBlockBytes } from "./panels.ts";

function randomProduct(type: ProductType, rows: number, inputs: number, outputs: number, seed: number): Product {
  const normal = normalNumbers(seed);
  const numbers = (length: number) => Float32Array.from({ length }, normal);
  return {
    type,
    rows,
    inputs,
    outputs,
    x: numbers(rows * inputs),
    weights: numbers(outputs * inputs),
    bias: numbers(outputs),
  };
}

function withRows(product: Product, rows: readonly number[]): Product {
  const { inputs } = product;
  const x = new Float32Array(rows.length * inputs);
  for (const [i, row] of rows.entries()) x.set(product.x.subarray(row * inputs, (row + 1) * inputs), i * inputs);
  return { ...product, rows: rows.length, x };
}

/** Inputs are cut where these many blocks end, or a multiple of them. */
function cutsOf(type: ProductType): number {
  return isSuperBlockType(products[type].weights) ? blocksInSuperBlock : 1;
}

const bitsOf = (numbers: Float32Array): number[] => [...new Int32Array(numbers.slice().buffer)];

const harnesses = await operationHarnesses(linearKernels);

for (const [index, harness] of harnesses.entries()) {
  test(`${harness.name}: a row has the same bits alone, at any place among any others, and however the inputs are cut`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...productTypes),
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 230 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.infiniteStream(fc.nat()),
        (type, rows, inputs, outputs, seed, choices) => {
          const choose = (end: number): number => choices.next().value! % end;
          const product = randomProduct(type, rows, wholeInputs(type, inputs * cutsOf(type)), outputs, seed);
          const cuttable = blocksOf(product.inputs) / cutsOf(type);
          const someCuts = () =>
            [...new Set(Array.from({ length: choose(4) }, () => choose(cuttable) * cutsOf(type)))]
              .filter((cut) => cut > 0)
              .sort((a, b) => a - b);
          const together = bitsOf(computeProduct(harness, product));
          expect(bitsOf(computeProduct(harness, product, someCuts()))).toEqual(together);
          const order = Array.from({ length: 1 + choose(12) }, () => choose(rows));
          // One row goes over its inputs at once, as `blocksAtOnce` says.
          const cuts = order.length === 1 ? [] : someCuts();
          const others = bitsOf(computeProduct(harness, withRows(product, order), cuts));
          for (const [place, row] of order.entries()) {
            const expected = together.slice(row * outputs, (row + 1) * outputs);
            expect(others.slice(place * outputs, (place + 1) * outputs)).toEqual(expected);
          }
          for (let row = 0; row < rows; row++) {
            const expected = together.slice(row * outputs, (row + 1) * outputs);
            expect(bitsOf(computeProduct(harness, withRows(product, [row])))).toEqual(expected);
          }
        },
      ),
      { numRuns: index < 2 ? 40 : 15, seed: 7 },
    );
  });

  test.for(productTypes)(
    `${harness.name}: as many blocks of %s at once as are allowed fit the scratch memory`,
    (type) => {
      const blocks = 152;
      const most = blocksAtOnce(type, 2, blocks);
      const product = randomProduct(type, 2, wholeInputs(type, blocks * 32 - 5), 17, 3);
      const cuts = Array.from({ length: Math.ceil(blocks / most) - 1 }, (_, i) => (i + 1) * most);
      const [both, second] = [computeProduct(harness, product, cuts), computeProduct(harness, withRows(product, [1]))];
      expect(bitsOf(both).slice(17)).toEqual(bitsOf(second));
    },
  );
}

test.for(productTypes)("relaxed and pairs, and one memory and two, compute the same bits of %s", (type) => {
  const same = harnesses.filter(({ name }) => !name.startsWith("plain"));
  expect(same).toHaveLength(3);
  for (const rows of [1, 7]) {
    const product = randomProduct(type, rows, wholeInputs(type, 500), 35, 9);
    const [expected, ...others] = same.map((harness) => bitsOf(computeProduct(harness, product)));
    for (const bits of others) expect(bits).toEqual(expected);
  }
});

test("pieces of inputs are at least one block, and what a thread expands of them fits its scratch memory", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...productTypes),
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 5000 }),
      (type, rows, blocks) => {
        const most = blocksAtOnce(type, rows, blocks);
        expect(most).toBeGreaterThanOrEqual(1);
        if (most < blocks) expect(most % blocksInSuperBlock).toBe(0);
        expect(most).toBeLessThanOrEqual(blocks);
        if (rows === 1) {
          expect(most).toBe(blocks);
          return;
        }
        const bytesOfBlock = widenedBlockBytes + packedBlockBytes[products[type].weights];
        expect(sumBytes + most * bytesOfBlock).toBeLessThanOrEqual(linearScratchBytes);
        const bytes = most * rows * panelBlockBytes[products[type].panel];
        if (most > 8) expect(bytes).toBeLessThanOrEqual(cachedPanelBytes);
      },
    ),
  );
});
