import fc from "fast-check";
import { expect, test } from "vitest";
import { Control } from "./control.ts";
import { Memory } from "./memory.ts";
import { type Argument, Program, type Region } from "./program.ts";
import { record } from "./thread.ts";

interface Record {
  readonly operation: number;
  readonly items: number;
  readonly phase: number;
  /** Index of its arguments. */
  readonly arguments: number;
}

/** The records of the program that was begun, as threads read them. All its items are taken, so that the next one can begin. */
function recordsOf(control: Control): Record[] {
  const { numbers, records } = control;
  const out: Record[] = [];
  let phase = 0;
  const add = (index: number): void => {
    expect(index).toBe(out.length);
    const at = records + index * record.length;
    const [operation, items, values] = [record.operation, record.items, record.arguments].map((i) => numbers[at + i]!);
    out.push({ operation: operation!, items: items!, phase, arguments: values! });
  };
  while (!control.isOver(control.state)) {
    const { state } = control;
    phase = state & 0xffff;
    const { first, end } = control.phaseRecords(state);
    for (let i = first; i < end; i++) {
      add(i);
      const { items } = out.at(-1)!;
      for (let item = 0; item < items; item++) expect(control.take(state, i)).toBe(items - item);
      expect(control.state).toBe(state);
      control.finish(state, items, (alone) => {
        phase++;
        add(alone);
        expect(out.at(-1)!.items).toBe(1);
      });
    }
    expect(control.state).not.toBe(state);
  }
  return out;
}

const regionCount = 8;
const someRegions = fc.uniqueArray(fc.nat(regionCount - 1), { maxLength: 3 });
const programs = fc.record({
  sizes: fc.array(fc.constantFrom(0, 1, 64, 100, 1000, 5000), { minLength: regionCount, maxLength: regionCount }),
  data: fc.subarray([0, 1, 2]),
  steps: fc.array(fc.record({ reads: someRegions, writes: someRegions, items: fc.constantFrom(0, 1, 3) }), {
    minLength: 1,
    maxLength: 25,
  }),
  kept: fc.nat(regionCount - 1),
});

const parts = () => {
  const memory = new Memory();
  const control = new Control(1);
  return { memory, control, program: new Program(control, memory) };
};

test("operations of one phase do not need each other, and all are in order; memory in use is never shared", () => {
  const { memory, control, program } = parts();
  fc.assert(
    fc.property(programs, ({ sizes, data, steps, kept }) => {
      program.clear();
      const numbersOf = (i: number) => Float32Array.from({ length: sizes[i]! / 4 }, (_, j) => i * 1e6 + j);
      const regions = sizes.map((bytes, i) => (data.includes(i) ? program.data(numbersOf(i)) : program.region(bytes)));
      for (const [i, { reads, writes, items }] of steps.entries()) {
        const values: Argument[] = [
          i,
          ...reads.map((r) => ({ region: regions[r]!, offset: r })),
          ...writes.map((r) => regions[r]!),
        ];
        program.add(100 + i, items, values, {
          reads: reads.map((r) => regions[r]!),
          writes: writes.map((r) => regions[r]!),
        });
      }
      const isKept = regions[kept]!.first >= 0;
      if (isKept) program.keep(regions[kept]!);
      const isEmpty = program.isEmpty;
      expect(isEmpty).toBe(steps.every(({ items }) => items === 0));
      if (isEmpty) return;
      program.begin(true);
      const records = recordsOf(control);
      const done = steps.map((step, i) => ({ ...step, i })).filter(({ items }) => items > 0);
      expect(records.map(({ operation, items }) => [operation, items])).toEqual(
        done.map(({ i, items }) => [100 + i, items]),
      );

      // Arguments are where regions are.
      for (const [r, { i, reads, writes }] of done.entries()) {
        const expected = [i, ...reads.map((x) => regions[x]!.address + x), ...writes.map((x) => regions[x]!.address)];
        const at = records[r]!.arguments;
        expect([...control.numbers.subarray(at, at + expected.length)]).toEqual(expected);
      }

      // Who needs whom: read after write, write after read, write after write.
      const phaseOf = (r: number) => records[r]!.phase;
      for (let later = 0; later < done.length; later++) {
        for (let earlier = 0; earlier < later; earlier++) {
          const [a, b] = [done[earlier]!, done[later]!];
          const needs =
            b.reads.some((x) => a.writes.includes(x)) ||
            b.writes.some((x) => a.reads.includes(x) || a.writes.includes(x));
          expect(phaseOf(earlier)).toBeLessThanOrEqual(phaseOf(later));
          if (needs) expect(phaseOf(earlier)).toBeLessThan(phaseOf(later));
        }
      }

      // A region is in use from its first phase to its last; data from the start, what is kept to the end.
      const spans = regions.flatMap((region, x) => {
        const uses = done.flatMap(({ reads, writes }, r) =>
          reads.includes(x) || writes.includes(x) ? [phaseOf(r)] : [],
        );
        if (region.bytes === 0 || (uses.length === 0 && !data.includes(x))) return [];
        const first = data.includes(x) ? 0 : Math.min(...uses);
        const last = isKept && x === kept ? Number.POSITIVE_INFINITY : Math.max(0, ...uses);
        return [{ x, first, last, start: region.address, end: region.address + region.bytes }];
      });
      for (const a of spans) {
        expect(a.start % 64).toBe(0);
        expect(a.end).toBeLessThanOrEqual(memory.byteLength);
        for (const b of spans) {
          if (a === b || a.last < b.first || b.last < a.first) continue;
          expect(a.end <= b.start || b.end <= a.start).toBe(true);
        }
      }
      for (const x of data) expect(memory.floats(regions[x]!.address, (sizes[x]! / 4) | 0)).toEqual(numbersOf(x));
    }),
    { numRuns: 400 },
  );
});

test("what does not need each other is one phase", () => {
  const { control, program } = parts();
  const regions = Array.from({ length: 6 }, () => program.region(64));
  const [a, b, c, d, e, f] = regions as [Region, Region, Region, Region, Region, Region];
  program.add(1, 1, [], { reads: [a], writes: [b] });
  program.add(2, 1, [], { reads: [a], writes: [c] });
  program.add(3, 1, [], { reads: [a, d], writes: [e] });
  program.add(4, 1, [], { reads: [b, c], writes: [f] });
  program.add(5, 1, [], { reads: [b, e], writes: [d] });
  program.begin(true);
  expect(recordsOf(control).map(({ phase }) => phase)).toEqual([0, 0, 0, 1, 1]);
});

test("memory is used again after its last use: a long chain needs that of two of its links", () => {
  const { control, program, memory } = parts();
  let last = program.region(1e6);
  program.add(1, 1, [], { reads: [], writes: [last] });
  for (let i = 0; i < 50; i++) {
    const next = program.region(1e6);
    program.add(1, 1, [], { reads: [last], writes: [next] });
    last = next;
  }
  program.begin(true);
  expect(recordsOf(control)).toHaveLength(51);
  expect(memory.byteLength).toBeLessThan(2.2e6);
});

test("the next step has the memory of this one, and more only if it needs more", () => {
  const { control, program, memory } = parts();
  const step = (bytes: number) => {
    const region = program.region(bytes);
    program.add(1, 1, [region], { reads: [], writes: [region] });
    program.begin(true);
    recordsOf(control);
    program.clear();
    return region.address;
  };
  const address = step(1e6);
  expect([step(5e5), step(1e6)]).toEqual([address, address]);
  const size = memory.byteLength;
  expect(step(3e6)).toBe(address); // the smaller arena was given back first
  for (let i = 0; i < 20; i++) step(1000 + i * 1e5);
  expect(memory.byteLength).toBeLessThanOrEqual(size + 2e6 + 65536);
});

test("a program longer than the control memory makes it grow", () => {
  const { control, program } = parts();
  const before = control.memory.buffer.byteLength;
  const table = program.table(Array.from({ length: 200_000 }, (_, i) => i));
  program.add(7, 2, [table], { reads: [], writes: [] });
  program.begin(true);
  expect(control.memory.buffer.byteLength).toBeGreaterThan(before);
  const [only] = recordsOf(control);
  expect(only).toMatchObject({ operation: 7, items: 2 });
  expect(control.numbers[program.base + table + 199_999]).toBe(199_999);
  expect(control.numbers[only!.arguments]).toBe(table);
});
