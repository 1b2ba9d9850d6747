import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createReferenceBackend } from "../../backend/reference/reference.ts";
import { BlockPool } from "../../cache/block-pool.ts";
import { resolveContext } from "../../context/settings.ts";
import { SkeinError } from "../../errors.ts";
import type { DecoderStep } from "../../model/decoder.ts";
import type { LoadedAdapter } from "./adapters.ts";
import { type Computation, Scheduler } from "./scheduler.ts";
import { Sequence } from "./sequence.ts";

const blockTokens = 64;
const config = { model_type: "qwen2", head_dim: 2, max_position_embeddings: 4096, rope_theta: 1e4 };
const context = { options: {}, settings: resolveContext(config) };

/**
 * A scheduler whose steps are only recorded: the logits of a row are its token, in every place.
 * @param onStep - called for each step, while it is put together
 */
function create(
  vocabulary = 4,
  onStep: (step: DecoderStep) => void = () => {},
): { scheduler: Scheduler; steps: DecoderStep[]; open: (length: number, adapter?: LoadedAdapter) => Sequence } {
  const backend = createReferenceBackend();
  const layout = { layers: 1, keyValueHeads: 1, headDim: 2, blockTokens, type: "f32" } as const;
  const pool = new BlockPool(backend.createBlockStore(layout));
  const steps: DecoderStep[] = [];
  const decoder = (step: DecoderStep) => {
    onStep(step);
    steps.push(step);
    return { rows: step.outputRows.length, columns: vocabulary };
  };
  const read = async () => {
    const { tokens, outputRows } = steps.at(-1)!;
    const logits = new Float32Array(outputRows.length * vocabulary);
    outputRows.forEach((row, index) => {
      logits.fill(tokens[row]!, index * vocabulary, (index + 1) * vocabulary);
    });
    return logits;
  };
  const open = (length: number, adapter?: LoadedAdapter): Sequence => {
    const sequence = new Sequence(config, pool, context, { adapter });
    sequence.push(Array.from({ length }, (_, i) => i));
    return sequence;
  };
  return { scheduler: new Scheduler(decoder, { ...backend, read }, vocabulary), steps, open };
}

/** Asks for the logits of the last token and of guesses after it. @returns position and token of each row that was computed */
async function ask(scheduler: Scheduler, sequence: Sequence, guesses: readonly number[]): Promise<[number, number][]> {
  const rows: [number, number][] = [];
  const last = sequence.length - 1;
  const wanted = { from: last, to: last + guesses.length };
  const onLogits: Computation["onLogits"] = (logits, position) => rows.push([position, logits[0]!]);
  await scheduler.compute({ sequence, guesses, wanted, onLogits });
  return rows;
}

test("guesses are rows of the step that computes the last token, and are not counted", async () => {
  const { scheduler, steps, open } = create();
  const sequence = open(10);
  const rows = await ask(scheduler, sequence, [70, 80, 90]);
  expect(rows).toEqual([
    [9, 9],
    [10, 70],
    [11, 80],
    [12, 90],
  ]);
  expect(steps).toHaveLength(1);
  expect([...steps[0]!.tokens]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 70, 80, 90]);
  expect(steps[0]!.segments).toMatchObject([{ firstRow: 0, rows: 13, final: 10, firstPosition: 0 }]);
  expect([sequence.length, sequence.cache.length]).toEqual([10, 10]);
  expect([scheduler.steps, scheduler.rows]).toEqual([1, 13]);

  sequence.push([70, 5]); // the first guess was right
  sequence.cache.advance(1);
  expect(await ask(scheduler, sequence, [])).toEqual([[11, 5]]);
  expect(steps.at(-1)!.segments).toMatchObject([{ rows: 1, final: 1, firstPosition: 11 }]);
});

test("guesses wait until the tokens before them are computed", async () => {
  const { scheduler, steps, open } = create();
  const sequence = open(200);
  const rows = await ask(scheduler, sequence, [7000, 8000]);
  expect(rows).toEqual([199, 7000, 8000].map((token, index) => [199 + index, token]));
  for (const { segments, outputRows } of steps.slice(0, -1)) {
    expect(segments[0]!.final).toBe(segments[0]!.rows);
    expect(outputRows).toHaveLength(0);
  }
});

test("guesses stay in the block of the last token, so that they take no memory", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(32), async (length, count) => {
      const { scheduler, steps, open } = create();
      const sequence = open(length - 1);
      await scheduler.compute({ sequence });
      sequence.push([5]);
      const rows = await ask(scheduler, sequence, new Array(count).fill(500));
      const room = (blockTokens - (length % blockTokens)) % blockTokens;
      expect(rows).toHaveLength(1 + Math.min(count, room));
      const { rows: computed, final, blocks } = steps.at(-1)!.segments[0]!;
      expect(computed - final).toBe(rows.length - 1);
      expect(final).toBeGreaterThan(0);
      expect(blocks).toHaveLength(Math.ceil(length / blockTokens));
      expect(sequence.cache.length).toBe(length);
    }),
    { numRuns: 60 },
  );
});

test("guesses of several sequences share a step, each after its own tokens", async () => {
  const { scheduler, steps, open } = create();
  const sequences = [1, 2, 3].map((length) => open(length));
  const asked = await Promise.all(sequences.map((sequence, i) => ask(scheduler, sequence, [100 + i, 200 + i])));
  expect(asked.map((rows) => rows.map(([, token]) => token))).toEqual([
    [0, 100, 200],
    [1, 101, 201],
    [2, 102, 202],
  ]);
  expect(steps).toHaveLength(1);
});

test("guesses take nothing from a prompt that is read beside them", async () => {
  const { scheduler, steps, open } = create();
  const [reading, guessing] = [open(15), open(1)];
  await Promise.all([scheduler.compute({ sequence: reading }), ask(scheduler, guessing, new Array(32).fill(9))]);
  expect(steps[0]!.segments).toMatchObject([
    { rows: 15, final: 15 },
    { rows: 17, final: 1 },
  ]);
});

test("guesses take no room from the logits of others", async () => {
  const { scheduler, steps, open } = create(2 ** 21); // a step has room for eight rows of logits
  const sequences = [1, 1, 2, 2, 3].map((length) => open(length));
  await Promise.all(sequences.map((sequence) => ask(scheduler, sequence, new Array(32).fill(9))));
  expect(steps).toHaveLength(1);
  expect(steps[0]!.segments.map(({ rows, final }) => rows - final)).toEqual([0, 0, 0, 0, 0]);
  await ask(scheduler, open(1), new Array(32).fill(9));
  expect(steps[1]!.segments).toMatchObject([{ rows: 8, final: 1 }]);
});

test("a long text whose logits are all wanted leaves others theirs", async () => {
  const { scheduler, steps, open } = create(2 ** 21); // a step has room for eight rows of logits
  const reading = open(40);
  let hasRead = false;
  const read = scheduler.compute({ sequence: reading, wanted: { from: 0, to: 39 } }).then(() => {
    hasRead = true;
  });
  const answers = [1, 2, 3].map((length) => open(length));
  let answered = 0;
  await Promise.all(
    answers.map(async (sequence) => {
      while (!hasRead) {
        expect(await ask(scheduler, sequence, [])).toHaveLength(1);
        sequence.push([7]);
        answered++;
      }
    }),
  );
  await read;
  expect(answered).toBeGreaterThan(3 * 6); // in each of the steps, five of whose rows are the text's
  expect(Math.max(...steps.map(({ outputRows }) => outputRows.length))).toBe(8);
});

test("a step that a sequence has for itself takes 800 ms, one that several share 80 ms, from the first one on", async () => {
  let now = 0; // a millisecond a row
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const { scheduler, steps, open } = create(4, ({ tokens }) => {
    now += tokens.length;
  });
  const rowsOf = (from: number) => steps.slice(from).map(({ tokens }) => tokens.length);
  await scheduler.compute({ sequence: open(3000) });
  expect(Math.max(...rowsOf(0))).toBe(800);

  const [reading, answering] = [open(1500), open(1)];
  const before = steps.length;
  let isRead = false;
  const read = scheduler.compute({ sequence: reading }).then(() => {
    isRead = true;
  });
  while (!isRead) {
    await ask(scheduler, answering, []);
    answering.push([7]);
  }
  await read;
  const shared = rowsOf(before).slice(0, -1);
  expect(shared.length).toBeGreaterThan(15);
  expect(Math.max(...shared)).toBeLessThanOrEqual(80);
  clock.mockRestore();
});

test("a slow model is read in steps of six times the backend's least rows, and in the least where several share them", async () => {
  let now = 0; // a second a row
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const { scheduler, steps, open } = create(4, ({ tokens }) => {
    now += tokens.length * 1000;
  });
  const { leastRows } = createReferenceBackend();
  await scheduler.compute({ sequence: open(300) });
  expect(steps.at(-2)!.tokens).toHaveLength(6 * leastRows);
  const before = steps.length;
  await Promise.all([open(100), open(100)].map((sequence) => scheduler.compute({ sequence })));
  expect(steps.slice(before, -1).every(({ tokens }) => tokens.length === leastRows)).toBe(true);
  clock.mockRestore();
});

test("a step takes 256 sequences at most, and all get their turn", async () => {
  const { scheduler, steps, open } = create();
  await Promise.all(Array.from({ length: 600 }, () => scheduler.compute({ sequence: open(2) })));
  expect(Math.max(...steps.map(({ segments }) => segments.length))).toBe(256);
  expect(scheduler.rows).toBe(1200);
});

test("a step that memory does not suffice for fails for the sequence that wants the most, and the others go on", async () => {
  const { scheduler, open } = create(4, ({ segments }) => {
    if (segments.some(({ rows }) => rows > 3)) throw new SkeinError("out_of_memory", "no memory");
  });
  const small = open(3);
  const all = [open(1000), small, open(2)].map((sequence) => scheduler.compute({ sequence }));
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(small.cache.length).toBe(3);
  // Alone it fails as well.
  await expect(scheduler.compute({ sequence: open(1000) })).rejects.toMatchObject({ code: "out_of_memory" });
});

test.each([
  ["which had all the room for logits", 2 ** 21, 8],
  ["which are all that a step takes", 4, 256],
])("sequences that there is no memory for, %s, do not hold up the others", async (_which, vocabulary, most) => {
  const { scheduler, steps, open } = create(vocabulary);
  const noRoom = new SkeinError("out_of_memory", "no room for a block");
  const refused = Array.from({ length: most }, () => open(1));
  for (const { cache } of refused) {
    vi.spyOn(cache, "reserve").mockImplementation(() => {
      throw noRoom;
    });
  }
  const others = [open(3), open(4)];
  const asked = Promise.allSettled([...refused, ...others].map((sequence) => ask(scheduler, sequence, [])));
  const settled = await Promise.race([asked, new Promise<never[]>((resolve) => setTimeout(resolve, 5000, []))]);
  expect(settled.slice(0, most)).toEqual(refused.map(() => ({ status: "rejected", reason: noRoom })));
  expect(settled.slice(most)).toMatchObject([{ value: [[2, 2]] }, { value: [[3, 3]] }]);
  expect(steps).toHaveLength(1);
});

test("sequences with the same adapter are neighbours in a step, and none is told of where there is none", async () => {
  const adapter = (name: string): LoadedAdapter => ({
    facts: { name, modules: 0, rank: 1, context: context.settings },
    matrices: new Map(),
    context,
    fingerprint: async () => name,
    free: () => {},
  });
  const { scheduler, steps, open } = create();
  const [a, b] = [adapter("a"), adapter("b")];
  const sequences = [a, undefined, b, a, undefined, b].map((own) => open(3, own));
  await Promise.all(sequences.map((sequence) => scheduler.compute({ sequence })));
  const { segments, adapters } = steps[0]!;
  expect(segments.map(({ blocks }) => blocks)).toEqual([0, 3, 1, 4, 2, 5].map((i) => sequences[i]!.cache.blocks));
  expect(segments.map(({ firstRow, rows }) => firstRow / rows)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(adapters).toEqual([a, a, undefined, undefined, b, b].map((own) => own?.matrices));
  expect(sequences.map(({ cache }) => cache.length)).toEqual(sequences.map(() => 3));
  await scheduler.compute({ sequence: open(3) });
  expect(steps.at(-1)!.adapters).toBeUndefined();
});

test("what needs the backend for itself gets it between two steps, whether any is running or not", async () => {
  const { scheduler, steps, open } = create();
  const seen: (number | string)[] = [];
  const work = (name: string) =>
    scheduler.alone(async () => {
      const before = steps.length;
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(steps).toHaveLength(before); // nothing is computed meanwhile
      seen.push(name);
      return name;
    });
  expect(await work("idle")).toBe("idle");
  const reading = scheduler.compute({ sequence: open(3000), onStep: (cached) => seen.push(cached) });
  const later = work("running").then(() => work("again"));
  const failing = scheduler.alone(() => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  await Promise.all([reading, later]);
  expect(seen.indexOf("running")).toBeLessThan(seen.indexOf(3000));
  expect(seen.filter((entry) => typeof entry === "string")).toEqual(["idle", "running", "again"]);
  expect(await work("idle again")).toBe("idle again");
});
