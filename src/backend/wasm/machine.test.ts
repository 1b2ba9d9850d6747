import { expect, test, vi } from "vitest";
import { SkeinError } from "../../errors.ts";
import type { Backend, Tensor } from "../backend.ts";
import { createReferenceBackend } from "../reference/reference.ts";
import { computeStep, randomNumbers, relativeDifference, tensors, upload, wasmBackend } from "./backend-harness.ts";
import { Control } from "./control.ts";
import { Machine } from "./machine.ts";
import { operationIds } from "./operations/index.ts";
import type { Region } from "./program.ts";

const reference = createReferenceBackend();
const one = await wasmBackend(1);
const two = await wasmBackend(2);
const four = await wasmBackend(4);
const inSeveral = await wasmBackend(3, "relaxed", 4);

/** A small network: what a step of a model is made of, without attention. */
async function network(backend: Backend, rows: number, type: "f32" | "q4" | "q8") {
  const [hidden, inner] = [96, 200];
  const make = await tensors(backend, [{ rows, columns: hidden, numbers: randomNumbers(rows * hidden, rows) }]);
  const [gain, gate, up, down] = await upload(backend, [
    { shape: [hidden], numbers: randomNumbers(hidden, 2) },
    { shape: [inner, hidden], type, numbers: randomNumbers(inner * hidden, 3).map((x) => x / 10) },
    { shape: [inner, hidden], type, numbers: randomNumbers(inner * hidden, 4).map((x) => x / 10) },
    { shape: [hidden, inner], type, numbers: randomNumbers(hidden * inner, 5).map((x) => x / 14) },
  ]);
  return (layers: number): Tensor => {
    let [x] = make() as [Tensor];
    for (let layer = 0; layer < layers; layer++) {
      const normed = backend.rmsNorm(x, gain!, 1e-6);
      const unit = backend.gatedSilu(backend.linear(normed, gate!), backend.linear(normed, up!));
      x = backend.linear(unit, down!, undefined, x);
    }
    return x;
  };
}

test("many threads give the bits of one, for few rows and many, in every step anew", async () => {
  for (const type of ["f32", "q8", "q4"] as const) {
    for (const rows of [1, 7, 60]) {
      const [alone, ...others] = await Promise.all([one, two, four, inSeveral].map((of) => network(of, rows, type)));
      const expected = await computeStep(one, () => alone!(4));
      for (const [i, backend] of [two, four, inSeveral].entries())
        for (let step = 0; step < 4; step++) expect(await computeStep(backend, () => others[i]!(4))).toEqual(expected);
    }
  }
});

test("steps that grow, grow memory and the room for programs under the threads' feet", async () => {
  for (const backend of [two, four, inSeveral]) {
    for (const rows of [3, 1000, 40, 12_000]) {
      const columns = 40;
      const weights = [
        { shape: [rows, columns], numbers: randomNumbers(rows * columns, rows) },
        { shape: [50, columns], numbers: randomNumbers(50 * columns, 7) },
      ];
      // Tokens and rows are numbers of the program: those of the larger steps do not fit where it is at first.
      const chosen = [3, 5, 7, 11].map((factor) =>
        Uint32Array.from({ length: rows * 3 }, (_, i) => (i * factor) % rows),
      );
      const [got, expected] = await Promise.all(
        [backend, reference].map(async (of) => {
          const [table, matrix] = await upload(of, weights);
          return computeStep(of, () => {
            const [first, ...others] = chosen as [Uint32Array, ...Uint32Array[]];
            const x = others.reduce<Tensor>((rows, list) => of.takeRows(rows, list), of.embed(table!, first));
            return of.linear(x, matrix!);
          });
        }),
      );
      expect(relativeDifference(got!, expected!)).toBeLessThan(1e-6);
    }
  }
});

test("a step that is given up in the middle ends soon, and the next one is as if it had not been", async () => {
  for (const backend of [one, two, four]) {
    const build = await network(backend, 60, "f32");
    const expected = await computeStep(backend, () => build(3));
    for (let i = 0; i < 3; i++) {
      const x = build(3000);
      const timer = setTimeout(() => backend.cancelStep(), i * 20);
      const start = performance.now();
      const reading = backend.read(x);
      await expect(reading).rejects.toThrow(SkeinError);
      await expect(reading).rejects.toMatchObject({ code: "cancelled" });
      clearTimeout(timer);
      expect(performance.now() - start).toBeLessThan(2000); // the whole step takes seconds
      await backend.endStep(false);
      expect(await computeStep(backend, () => build(3))).toEqual(expected);
    }
  }
});

test("a step of little work, which one thread does alone, can be given up too; so can one at its end", async () => {
  for (const backend of [one, two]) {
    const make = await tensors(backend, [{ rows: 2000, columns: 32, numbers: randomNumbers(64_000, 1) }]);
    const backwards = Uint32Array.from({ length: 2000 }, (_, row) => 1999 - row);
    const chain = (length: number) => {
      let [x] = make() as [Tensor];
      for (let i = 0; i < length; i++) x = backend.takeRows(x, backwards);
      return x;
    };
    const expected = await computeStep(backend, () => chain(3));
    chain(4000);
    setTimeout(() => backend.cancelStep(), 1);
    await expect(backend.endStep(true)).rejects.toMatchObject({ code: "cancelled" });
    expect(await computeStep(backend, () => chain(3))).toEqual(expected);
  }
});

test("giving up when nothing is computed does nothing to the next step", async () => {
  for (const backend of [one, two]) {
    const build = await network(backend, 5, "q4");
    const expected = await computeStep(backend, () => build(2));
    backend.cancelStep();
    const x = build(2);
    backend.cancelStep();
    expect(await backend.read(x)).toEqual(expected);
    backend.cancelStep();
    await backend.endStep(true);
  }
});

test("a step that is thrown away before it was computed leaves nothing behind", async () => {
  for (const backend of [one, four]) {
    const build = await network(backend, 9, "q8");
    const expected = await computeStep(backend, () => build(2));
    for (let i = 1; i < 6; i++) {
      build(i);
      await backend.endStep(false);
      expect(await computeStep(backend, () => build(2))).toEqual(expected);
    }
    await backend.endStep(true); // an empty one
    expect(await computeStep(backend, () => build(2))).toEqual(expected);
  }
});

/** Sums of random pairs of regions: many short phases, where threads come late. */
test.for([2, 4])("%i threads compute thousands of short programs without a wrong number", async (threads) => {
  const machine = await Machine.create({ threads, variant: "relaxed" });
  const { program, memory } = machine;
  const rows = 6;
  const stride = 128;
  let state = 1;
  const random = (end: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  for (let round = 0; round < (threads === 2 ? 6000 : 1000); round++) {
    const start = new Float32Array((rows * stride) / 4).fill(1 + (round % 7));
    const regions: Region[] = [program.data(start)];
    const expected = [start[0]!];
    for (let i = 0; i < 1 + random(14); i++) {
      const [a, b] = [random(regions.length), random(regions.length)];
      const out = program.region(rows * stride);
      const values = [regions[a]!, regions[b]!, out, stride, stride / 16];
      program.add(operationIds.addRows, rows, values, { reads: [regions[a]!, regions[b]!], writes: [out] });
      regions.push(out);
      expected.push(Math.fround(expected[a]! + expected[b]!));
    }
    for (const region of regions) program.keep(region);
    program.addWork(round % 3 === 0 ? 0 : 1e9); // whether sleepers are woken
    await machine.run();
    for (const [i, { address }] of regions.entries()) {
      const got = memory.floats(address, (rows * stride) / 4);
      if (got.some((number) => number !== expected[i])) expect([round, i, ...got]).toEqual([round, i, expected[i]]);
    }
    program.clear();
  }
});

test("runNow refuses to cut into a step, and gives the arguments back as they are afterwards", async () => {
  const machine = await Machine.create({ threads: 1, variant: "relaxed" });
  const region = machine.program.region(128);
  machine.program.add(operationIds.addRows, 1, [region, region, region, 128, 8], { reads: [region], writes: [region] });
  await expect(machine.runNow("pack", 1, [0, 0, 0, 0, 0])).rejects.toThrow("in the middle of a step");
  machine.program.clear();
  const rows = machine.memory.allocate(16 * 32 * 4);
  const target = machine.memory.allocate(2048);
  machine.memory.floats(rows, 16 * 32).fill(2);
  expect([...(await machine.runNow("pack", 1, [0, rows, 1, target, 0, 0]))]).toEqual([0, rows, 1, target, 0, 0]);
  machine.memory.floats(rows, 16 * 32)[5] = Number.NaN;
  expect([...(await machine.runNow("pack", 1, [0, rows, 1, target, 0, 0]))]).toEqual([0, rows, 1, target, 1, 0]);
});

test("runNow refuses to cut into a step that is being computed, too", async () => {
  const machine = await Machine.create({ threads: 1, variant: "relaxed" });
  const { program } = machine;
  const region = program.region(60_000 * 128);
  const access = { reads: [region], writes: [region] };
  for (let i = 0; i < 100; i++) program.add(operationIds.addRows, 60_000, [region, region, region, 128, 8], access);
  let isOver = false;
  const running = machine.run().then(() => {
    isOver = true;
  });
  await expect(machine.runNow("pack", 1, [0, 0, 0, 0, 0])).rejects.toThrow("in the middle of a step");
  expect(isOver).toBe(false);
  await running;
});

test("while runNow waits for a thread that has taken an item, this thread listens to others", async () => {
  const machine = await Machine.create({ threads: 1, variant: "relaxed" });
  const { take, waitAfter } = Control.prototype;
  vi.spyOn(Control.prototype, "take").mockImplementationOnce(function (this: Control, state, record) {
    const taken = take.call(this, state, record);
    setTimeout(() => this.finish(state, taken, () => {}));
    return 0;
  });
  let waits = 0;
  vi.spyOn(Control.prototype, "waitAfter").mockImplementation(function (this: Control, state) {
    if (++waits > 2) throw new Error("nobody is listened to");
    waitAfter.call(this, state);
  });
  try {
    const values = [0, 0, 0, 0, 0, 0];
    expect([...(await machine.runNow("pack", 1, values))]).toEqual(values);
    expect(waits).toBeGreaterThan(0);
  } finally {
    vi.restoreAllMocks();
  }
});
