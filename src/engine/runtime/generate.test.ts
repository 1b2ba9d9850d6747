import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { SequenceCache } from "../../cache/sequence-cache.ts";
import { filesOf, safetensorsBytes } from "../../checkpoint/test-safetensors.ts";
import type { ContextOptions } from "../../context/options.ts";
import { expectedTensors, parseModelConfig } from "../../model/config.ts";
import type { SamplingOptions } from "../../sampling/options.ts";
import type { GenerateCall, GenerateEvent, GenerateSummary } from "../methods.ts";
import { EngineHost } from "./engine-host.ts";
import { Scheduler } from "./scheduler.ts";

/** The fewer tokens there are, the more often the text repeats itself and something is guessed. */
const vocabulary = 12;
const nativeWindow = 128;
/** Letters, some tokens of two of them, and the halves of an é. */
const tokenBytes = [..."abcd", "ab", "ca", "\n", ..."efg", [0xc3], [0xa9]].map((piece) =>
  typeof piece === "string" ? [...new TextEncoder().encode(piece)] : piece,
);

/** A random model of two narrow layers. */
async function createHost(seed: number): Promise<EngineHost> {
  const config = {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    vocab_size: vocabulary,
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: nativeWindow,
    rope_theta: 1e4,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  };
  let state = seed;
  let offset = 0;
  const numbers: number[] = [];
  const header: Record<string, object> = {};
  for (const [name, shape] of expectedTensors(parseModelConfig(config))) {
    const size = shape.reduce((product, width) => product * width, 1);
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      numbers.push((state / 2 ** 32 - 0.5) * 2);
    }
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + 4 * size] };
    offset += 4 * size;
  }
  const weights = safetensorsBytes(header, new Uint8Array(Float32Array.from(numbers).buffer));
  const host = new EngineHost(async () => filesOf({ "config.json": config, "model.safetensors": weights }));
  const { load, setTokenTable } = host.handlers;
  const source = { kind: "files", files: {} } as const;
  await load({ source, backend: "reference", context: { extend: "yarn", factor: 2 } }, quiet());
  const offsets = Uint32Array.from([0, ...tokenBytes.keys()], (_, i) => tokenBytes.slice(0, i).flat().length);
  await setTokenTable(
    { bytes: Uint8Array.from(tokenBytes.flat()), offsets, control: new Uint8Array(vocabulary), leadingSpaces: 0 },
    { ...quiet(), emit: () => {} },
  );
  return host;
}

const quiet = () => ({ signal: new AbortController().signal, emit: () => {}, transfer: [] });

interface Outcome {
  readonly chunks: readonly GenerateEvent[];
  readonly summary: GenerateSummary | undefined;
  readonly error: unknown;
}

/** Runs a generation to its end, however it ends. */
async function run(
  host: EngineHost,
  call: GenerateCall,
  { signal = quiet().signal, onChunk }: { signal?: AbortSignal; onChunk?: (count: number) => void } = {},
): Promise<Outcome> {
  const chunks: GenerateEvent[] = [];
  const emit = (event: GenerateEvent): void => {
    if (event.type !== "chunk") return;
    chunks.push(event);
    onChunk?.(chunks.length);
  };
  try {
    const summary = await host.handlers.generate(call, { signal, emit, transfer: [] });
    return { chunks, summary, error: undefined };
  } catch (error) {
    return { chunks, summary: undefined, error };
  }
}

/** What of an outcome must not depend on prompt lookup: all but times and the counts of guesses. */
function essence({ chunks, summary, error }: Outcome): object {
  const { prefillSeconds, decodeSeconds, guessedTokens, acceptedTokens, ...facts } = summary ?? ({} as GenerateSummary);
  return { chunks, facts, error };
}

function tokenOf(chunk: GenerateEvent): number {
  return chunk.type === "chunk" ? chunk.token : -1;
}

/** The characters that the tokens complete. */
function textOf(list: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(list.flatMap((token) => tokenBytes[token]!)), { stream: true });
}

function callOf(call: Partial<GenerateCall> & { readonly tokens: Uint32Array }): GenerateCall {
  return {
    session: undefined,
    replace: false,
    maxTokens: 60,
    sampling: { temperature: 0 },
    stop: [],
    endTokens: [],
    logprobs: 2,
    promptLookup: 0,
    context: undefined,
    ...call,
  };
}

function endOf(
  { chunks, summary }: Outcome,
  { endTokens }: GenerateCall,
): "endToken" | "stopText" | "length" | "error" {
  if (!summary) return "error";
  if (summary.finishReason === "length") return "length";
  const last = chunks.at(-1);
  return last?.type === "chunk" && endTokens.includes(last.token) ? "endToken" : "stopText";
}

const tokens = (constraints: { minLength?: number; maxLength: number }) =>
  fc.array(fc.nat(vocabulary - 1), constraints).map((list) => Uint32Array.from(list));

const sampling: fc.Arbitrary<SamplingOptions> = fc.record({
  temperature: fc.constantFrom(0, 0, 0.3, 1),
  topK: fc.constantFrom(0, 3),
  repetitionPenalty: fc.constantFrom(1, 1, 1.2),
  presencePenalty: fc.constantFrom(0, 0.5),
  frequencyPenalty: fc.constantFrom(0, 0.1),
  seed: fc.nat(),
});

const calls: fc.Arbitrary<GenerateCall> = fc
  .record({
    tokens: tokens({ minLength: 1, maxLength: 90 }),
    maxTokens: fc.option(fc.integer({ min: 1, max: 150 }), { nil: undefined }),
    sampling,
    stop: fc.array(fc.constantFrom("abca", "é", "dd", "aaaaa"), { maxLength: 2 }),
    endTokens: fc.array(fc.nat(vocabulary - 1), { maxLength: 1 }),
    logprobs: fc.option(fc.nat(3), { nil: undefined }),
    promptLookup: fc.integer({ min: 1, max: 32 }),
  })
  .map(callOf);

const without = (call: GenerateCall): GenerateCall => ({ ...call, promptLookup: 0 });

let hosts: EngineHost[];
beforeAll(async () => {
  hosts = await Promise.all([1, 2, 3].map(createHost));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** @returns an empty session */
async function open(host: EngineHost): Promise<number> {
  const { session } = await host.handlers.createSession({ plannedTokens: undefined, context: undefined }, quiet());
  return session;
}

/** A conversation of two turns. @returns everything about it that must not depend on prompt lookup */
async function converse(host: EngineHost, first: GenerateCall, second: GenerateCall) {
  const session = await open(host);
  const outcomes: Outcome[] = [];
  const states: object[] = [];
  for (const call of [first, second]) {
    outcomes.push(await run(host, { ...call, session }));
    const { header, tokens: kept } = await host.handlers.exportSession({ session }, quiet());
    states.push({ ...header, kept });
  }
  const { cacheBlocks } = await host.handlers.statistics(undefined, quiet());
  await host.handlers.release({ session }, quiet());
  return { facts: { states, cacheBlocks, outcomes: outcomes.map(essence) }, outcomes };
}

test("an answer ends with the token that completes a stop text, guessed or not, and with the text before it", async () => {
  const stops = fc.array(fc.constantFrom("a", "b", "bc", "cab", "abca", "dd", "e\n", "é", "g"), {
    minLength: 1,
    maxLength: 3,
  });
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(2), calls, stops, async (index, other, stop) => {
      const host = hosts[index]!;
      const call = { ...other, endTokens: [], maxTokens: 60 };
      const plain = (await run(host, without({ ...call, stop: [] }))).chunks.map(tokenOf);
      const texts = plain.map((_, last) => textOf(plain.slice(0, last + 1)));
      const last = texts.findIndex((text) => stop.some((one) => text.includes(one)));
      if (last < 0) return;
      stopped++;
      const session = await open(host);
      const { chunks, summary } = await run(host, { ...call, stop, session });
      const { tokens: kept } = await host.handlers.exportSession({ session }, quiet());
      await host.handlers.release({ session }, quiet());
      expect(summary?.finishReason).toBe("stop");
      expect(chunks.map(tokenOf)).toEqual(plain.slice(0, last + 1));
      expect([...kept]).toEqual([...call.tokens, ...plain.slice(0, last + 1)]);
      const begins = stop.map((one) => texts[last]!.indexOf(one)).filter((at) => at >= 0);
      expect(chunks.map((chunk) => (chunk.type === "chunk" ? chunk.text : "")).join("")).toBe(
        texts[last]!.slice(0, Math.min(...begins)),
      );
    }),
    { numRuns: 150 },
  );
  expect(stopped).toBeGreaterThan(20);
});

test("a conversation is planned under its own options, for the length that its session was created for where that fits", async () => {
  const { createSession, release } = hosts[0]!.handlers;
  const factors = async (plannedTokens: number, context: ContextOptions, asked: readonly ContextOptions[]) => {
    const { session } = await createSession({ plannedTokens, context }, quiet());
    const list: (number | undefined)[] = [];
    for (const own of asked) {
      const call = callOf({ session, replace: true, tokens: Uint32Array.of(1, 2), maxTokens: 2, context: own });
      list.push((await run(hosts[0]!, call)).summary?.factor);
    }
    await release({ session }, quiet());
    return list;
  };
  const dynamic = { schedule: "dynamic" } as const;
  expect(await factors(0, { schedule: "static" }, [dynamic, {}, dynamic])).toEqual([1, 2, 1]);
  expect(await factors(200, { schedule: "static" }, [dynamic])).toEqual([2]);
  expect(await factors(200, {}, [{}, { extend: "none" }, { factor: 1.5 }])).toEqual([2, 1, 1]);
  expect(await factors(150, {}, [{ steps: [1.5] }, { factor: 1.5 }])).toEqual([1.5, 1.5]);
});

describe("with prompt lookup", () => {
  test("answers, their ends, errors and sessions are those without it; only the rows differ, by what is told", async () => {
    let [guessed, accepted] = [0, 0];
    const ends = { endToken: 0, stopText: 0, length: 0, error: 0 };
    await fc.assert(
      fc.asyncProperty(fc.nat(2), calls, calls, tokens({ maxLength: 8 }), async (index, first, other, added) => {
        const host = hosts[index]!;
        const second = { ...other, tokens: added };
        const rows = async () => (await host.handlers.statistics(undefined, quiet())).rows;
        const before = await rows();
        const plain = await converse(host, without(first), without(second));
        const between = await rows();
        const looked = await converse(host, first, second);
        const after = await rows();
        expect(looked.facts).toEqual(plain.facts);
        for (const [i, outcome] of looked.outcomes.entries()) ends[endOf(outcome, [first, second][i]!)]++;
        if (looked.outcomes.some(({ error }) => error !== undefined)) return;
        const counts = looked.outcomes.map(
          ({ summary }) => [summary!.guessedTokens!, summary!.acceptedTokens!] as const,
        );
        const surplus = counts.reduce((sum, [made, right]) => sum + made - right, 0);
        expect(after - between).toBe(between - before + surplus);
        guessed += counts.reduce((sum, [made]) => sum + made, 0);
        accepted += counts.reduce((sum, [, right]) => sum + right, 0);
      }),
      { numRuns: 80 },
    );
    // Everything that can happen did: guesses were right, guesses were wrong, answers ended in all ways.
    expect(accepted).toBeGreaterThan(500);
    expect(guessed).toBeGreaterThan(accepted + 100);
    for (const count of Object.values(ends)) expect(count).toBeGreaterThan(0);
  });

  test("answers that are made together are those that are made alone without it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.array(calls, { minLength: 2, maxLength: 6 }), async (index, several) => {
        const host = hosts[index]!;
        const alone: object[] = [];
        for (const call of several) alone.push(essence(await run(host, without(call))));
        const together = await Promise.all(several.map((call, i) => run(host, i % 3 === 2 ? without(call) : call)));
        expect(together.map(essence)).toEqual(alone);
        expect((await host.handlers.statistics(undefined, quiet())).cacheBlocks).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test("a cache that can be cut only at some places gives the same answers", async () => {
    const truncate = SequenceCache.prototype.truncate;
    vi.spyOn(SequenceCache.prototype, "truncate").mockImplementation(function (this: SequenceCache, length: number) {
      truncate.call(this, length < this.length ? Math.floor(length / 16) * 16 : length);
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(2), calls, calls, tokens({ maxLength: 8 }), async (index, first, other, added) => {
        const second = { ...other, tokens: added };
        const looked = await converse(hosts[index]!, first, second);
        expect(looked.facts).toEqual((await converse(hosts[index]!, without(first), without(second))).facts);
      }),
      { numRuns: 30 },
    );
  });

  test.each(["abort", "a listener that throws"])(
    "%s leaves the tokens that were told, and a session that goes on",
    async (how) => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat(2),
          tokens({ minLength: 1, maxLength: 40 }),
          fc.integer({ min: 1, max: 30 }),
          async (index, prompt, last) => {
            const host = hosts[index]!;
            const call = callOf({ tokens: prompt });
            const plain = await run(host, call);
            const session = await open(host);
            const controller = new AbortController();
            const onChunk = (count: number): void => {
              if (count !== last) return;
              if (how === "abort") controller.abort(new Error("enough"));
              else throw new Error("enough");
            };
            const stopped = { ...call, session, promptLookup: 32 };
            const { chunks, error } = await run(host, stopped, { signal: controller.signal, onChunk });
            expect(error).toEqual(new Error("enough"));
            expect(chunks).toEqual(plain.chunks.slice(0, chunks.length));
            expect(chunks.length).toBeGreaterThanOrEqual(last);
            const { header, tokens: kept } = await host.handlers.exportSession({ session }, quiet());
            expect([...kept]).toEqual([...prompt, ...chunks.map(tokenOf)]);
            expect(header.cached).toBeLessThan(header.length);
            // It goes on as one that was given these tokens.
            const next = await run(host, callOf({ session, tokens: new Uint32Array(), promptLookup: 8 }));
            const fresh = await run(host, callOf({ tokens: kept }));
            expect(next.chunks).toEqual(fresh.chunks);
            await host.handlers.release({ session }, quiet());
          },
        ),
        { numRuns: 25 },
      );
    },
  );

  test("no guess passes the plan, nor the end of the window", async () => {
    const host = hosts[0]!;
    let furthest = 0;
    const compute = Scheduler.prototype.compute;
    vi.spyOn(Scheduler.prototype, "compute").mockImplementation(function (this: Scheduler, computation) {
      const { sequence, guesses = [] } = computation;
      furthest = Math.max(furthest, sequence.length + guesses.length);
      return compute.call(this, computation);
    });
    // A greedy answer of such a model soon repeats itself, so that there is always something to guess.
    const call = callOf({ tokens: new Uint32Array(100).fill(1), promptLookup: 32 });
    for (const maxTokens of [1, 2, 3, 24, 25, 50, 156]) {
      furthest = 0;
      const { chunks, summary } = await run(host, { ...call, maxTokens });
      expect(chunks).toHaveLength(maxTokens);
      expect(summary).toMatchObject({ factor: maxTokens > 28 ? 2 : 1, finishReason: "length" });
      expect(furthest).toBe(100 + maxTokens - 1); // the last token is sampled, not computed
    }
    furthest = 0;
    const { chunks, error } = await run(host, { ...call, maxTokens: undefined });
    expect(chunks).toHaveLength(nativeWindow - 100);
    expect(error).toMatchObject({ code: "context_length_exceeded" });
    expect(furthest).toBe(nativeWindow - 1);
  });
});
