import { type ContextOptions, type Model, UnsupportedError } from "../index.ts";
import { greedy } from "./answer-sharing.ts";
import { fitHay, takeWords } from "./haystack.ts";
import { median } from "./interval.ts";
import { createRandom, pickWhole, seedOf } from "./random.ts";
import type { Sample, SpeedCell, SpeedSample } from "./result.ts";
import type { Times, Way } from "./target.ts";
import { hashOf, type Plan, setupOf, type Trial } from "./trial.ts";

/** Medians of more change little, and long prompts take long. */
const mostSamples = 5;
/** As long as that, unless it were more than half of the length. */
const answerTokens = 32;
/** Enough to have all kernels compiled and the caches filled. */
const warmUpTokens = 256;

/** What one answer took. */
interface Measured extends Times {
  readonly factor?: number;
  readonly cacheBytes?: number;
}

/**
 * How fast text of each length is read, how fast an answer after it is made, and what its keys and values take. One at a time; the ways take turns, as
 * far as they share a model, so that what else the machine does is spread over all of them.
 *
 * @throws UnsupportedError for a target whose answers cannot be timed
 */
export function speedTrials(plan: Plan): readonly Trial[] {
  const { target, lengths, ways, samples } = plan;
  if (target.subject.kind === "endpoint" && !target.time) {
    throw new UnsupportedError("speed: this server's answers cannot be timed; leave speed out of --suites");
  }
  const measure = createMeasure(plan);
  return lengths.flatMap((length) =>
    Array.from({ length: Math.min(samples, mostSamples) }, (_, index) => index).flatMap((index) =>
      ways.map((way): Trial => {
        const identity = { suite: "speed", task: "speed", method: way.name, factor: way.factor, length } as const;
        return {
          ...{ suite: "speed", task: "speed", length, tokens: length, alone: true, setups: setupOf(plan, way) },
          id: ["speed", way.name, way.factor, length, index].join("/"),
          run: async ({ signal }) => {
            const maxTokens = Math.min(answerTokens, Math.floor(length / 2));
            const text = await makeText(plan, length - maxTokens, index);
            if (text === undefined || maxTokens < 2) return [];
            const { factor, cacheBytes, ...times } = await measure({ way, text, length, maxTokens, signal });
            const sample: SpeedSample = {
              ...{ ...identity, index, promptHash: await hashOf(text) },
              ...(isTimed(times) ? rates(times) : untimed(times)),
              ...(factor !== undefined && { usedFactor: factor }),
              ...(cacheBytes !== undefined && { cacheBytes }),
            };
            return [sample];
          },
        };
      }),
    ),
  );
}

/** One cell for each way and length. */
export function speedCells(samples: readonly Sample[]): readonly SpeedCell[] {
  const timed = samples
    .filter((sample) => sample.suite === "speed")
    .filter(({ refused, untimed }) => !refused && !untimed);
  const cells = Map.groupBy(timed, ({ method, factor, length }) => [method, factor, length].join("/"));
  return [...cells.values()].map((all): SpeedCell => {
    const { suite, task, method, factor, length } = all[0]!;
    const bytes = all.flatMap(({ cacheBytes }) => cacheBytes ?? []);
    return {
      ...{ suite, task, method, factor, length, samples: all.length },
      prefillRate: median(all.map(({ prefillRate }) => prefillRate)),
      decodeRate: median(all.map(({ decodeRate }) => decodeRate)),
      ...(bytes.length > 0 && { cacheBytes: median(bytes) }),
    };
  });
}

/** Why samples are in no cell, with the lengths. @param samples - that were all refused or not timed */
export function whyUntimed(samples: readonly SpeedSample[]): string {
  const lengthsOf = (isRefused: boolean): string => {
    const found = samples.filter(({ refused = false }) => refused === isRefused);
    return [...new Set(found.map(({ length }) => length))].join(", ");
  };
  const [refused, untimed] = [lengthsOf(true), lengthsOf(false)];
  const parts = [
    refused && `${refused} tokens were refused`,
    untimed && `answers after ${untimed} tokens ended at their first token, or came all at once`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** Whether an answer has a rate: more than its first token, and time between its first and its last. */
export function isTimed({ completionTokens, decodeSeconds }: Times): boolean {
  return completionTokens > 1 && decodeSeconds > 0;
}

function untimed({ refused }: Times): Pick<SpeedSample, "prefillRate" | "decodeRate" | "refused" | "untimed"> {
  return { prefillRate: 0, decodeRate: 0, ...(refused ? { refused } : { untimed: true }) };
}

/** @returns tokens a second. The first token of an answer comes from reading, and is none that was waited for. */
export function rates({
  promptTokens,
  prefillSeconds,
  completionTokens,
  decodeSeconds,
}: Times): Pick<SpeedSample, "prefillRate" | "decodeRate"> {
  return { prefillRate: promptTokens / prefillSeconds, decodeRate: (completionTokens - 1) / decodeSeconds };
}

interface MeasureRequest {
  readonly way: Way;
  readonly text: string;
  readonly length: number;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
}

/** @returns what times an answer; before the first one of a model, or of a server, it makes one that does not count */
function createMeasure(plan: Plan): (request: MeasureRequest) => Promise<Measured> {
  const { target, methods } = plan;
  const warm = new WeakSet<object>();
  return async (request) => {
    const { way } = request;
    const method = methods.find(({ name, factor }) => name === way.name && factor === way.factor);
    const [setup] = setupOf(plan, way);
    const model = setup && target.model(setup);
    const measure = async (asked: MeasureRequest): Promise<Measured> =>
      model ? timeModel(model, method?.context, asked) : target.time!(asked);
    if (!warm.has(model ?? target)) {
      const length = Math.min(request.length, warmUpTokens);
      const maxTokens = Math.floor(length / 8);
      const text = await makeText(plan, length - maxTokens, "warm-up");
      if (text !== undefined) await measure({ ...request, text, length, maxTokens });
      warm.add(model ?? target);
    }
    return measure(request);
  };
}

async function timeModel(
  model: Model,
  context: ContextOptions | undefined,
  { text, length, maxTokens, signal }: MeasureRequest,
): Promise<Measured> {
  const tokens = await model.tokenize(text, { specialTokens: false });
  const before = await model.statistics();
  await using session = await model.createSession({ plannedTokens: length, context });
  const { timings, usage, factor } = await session
    .generate({ ...greedy, tokens, maxTokens, endTokens: [], signal })
    .result();
  const after = await model.statistics();
  return {
    ...timings,
    promptTokens: usage.promptTokens - usage.cachedTokens,
    completionTokens: usage.completionTokens,
    factor,
    cacheBytes: after.cacheBytes - before.cacheBytes,
  };
}

/** Begins somewhere else each time: a server may have kept what it read. */
async function makeText(
  { target, haystack, seed }: Plan,
  tokens: number,
  index: number | string,
): Promise<string | undefined> {
  const start = pickWhole(createRandom(seedOf(seed, "speed", tokens, index)), 0, haystack.words.length);
  const take = (words: number): string => takeWords(haystack, start, words).join("").trimEnd();
  const options = { guess: Math.ceil(tokens / 2), least: 1 };
  const words = await fitHay(take, (text) => target.countTokens(text), tokens, options);
  return words === undefined ? undefined : take(words);
}
