import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadModel, type Model, type Session } from "../src/index.ts";
import { tiny } from "./tiny.ts";

/*
 * A quantised cache cannot take back what it has quantised, and guesses may fill what must not be quantised yet: so whatever is done to sessions, in
 * whatever order and side by side, each has to go on, bit for bit, as a fresh one with its tokens would.
 */

let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-test-"));
  model = await loadModel(tiny, { weights: "q4", cache: "q8", context: { nativeWindow: 1000 } });
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

interface Held {
  session: Session;
  tokens: number[];
}

/** Text that repeats itself, so that prompt lookup finds guesses. */
function repeating(count: number, salt: number): number[] {
  return Array.from({ length: count }, (_, i) => ((i % 11) * 37 + salt * 5) % 1000);
}

/** Lengths around those of blocks, and others. */
const lengths = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(100, 120, 126, 127, 128, 129, 140, 256));
const operations = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), count: lengths, salt: fc.nat(3) }),
  fc.record({
    kind: fc.constant("answer" as const),
    count: fc.integer({ min: 1, max: 40 }),
    lookup: fc.constantFrom(0, 8, 32),
  }),
  fc.record({ kind: fc.constant("fork" as const) }),
  fc.record({ kind: fc.constant("truncate" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant("restore" as const) }),
  fc.record({ kind: fc.constant("abort" as const), count: lengths }),
);
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never;

const mostTokens = 700;
let saved = 0;

/** @returns a session that came into being by it */
async function carryOut(operation: Operation, held: Held): Promise<Held | undefined> {
  const { session, tokens } = held;
  switch (operation.kind) {
    case "append": {
      if (tokens.length + operation.count > mostTokens) return undefined;
      const more = repeating(operation.count, operation.salt);
      await session.append(more);
      tokens.push(...more);
      return undefined;
    }
    case "answer": {
      if (tokens.length === 0 || tokens.length + operation.count > mostTokens) return undefined;
      const promptLookup = operation.lookup || false;
      const options = { maxTokens: operation.count, temperature: 0, endTokens: [], promptLookup };
      tokens.push(...(await session.generate(options).result()).tokens);
      return undefined;
    }
    case "fork":
      return { session: await session.fork(), tokens: [...tokens] };
    case "truncate": {
      const length = Math.floor(operation.share * tokens.length);
      await session.truncate(length);
      tokens.length = length;
      return undefined;
    }
    case "restore": {
      const path = join(folder, `session ${saved++}`);
      await session.save(path);
      await session.dispose();
      held.session = await model.restoreSession(path);
      return undefined;
    }
    case "abort": {
      const controller = new AbortController();
      const appending = session.append(repeating(operation.count, 7), { signal: controller.signal });
      setImmediate(() => controller.abort(new Error("enough")));
      // It may have been done before the abort was heard.
      await appending.then(() => tokens.push(...repeating(operation.count, 7))).catch(() => {});
      return undefined;
    }
  }
}

test("whatever is done to sessions with an 8-bit cache, each goes on as a fresh one would", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(operations, operations, fc.nat(5)), { minLength: 2, maxLength: 8 }),
      async (pairs) => {
        const all: Held[] = [{ session: await model.createSession(), tokens: [] }];
        try {
          for (const [first, second, which] of pairs) {
            // Two sessions at the same time, where there are two.
            const targets = [all[which % all.length]!, all[(which + 1) % all.length]!].slice(0, all.length);
            const made = await Promise.all(targets.map((held, i) => carryOut([first, second][i]!, held)));
            for (const held of made) {
              if (held && all.length < 3) all.push(held);
              else await held?.session.dispose();
            }
          }
          for (const { session, tokens } of all) {
            await using fresh = await model.createSession();
            const expected = await fresh.append([...tokens, 5], { logits: "last" });
            expect((await session.append([5], { logits: "last" })).logits).toEqual(expected.logits);
          }
        } finally {
          for (const { session } of all) await session.dispose();
        }
        const { sessions, cacheBlocks } = await model.statistics();
        expect({ sessions, cacheBlocks }).toEqual({ sessions: 0, cacheBlocks: 0 });
      },
    ),
    { numRuns: 40, seed: 2026 },
  );
});
