import { InvalidOptionError, type Model, type Session, UnsupportedError } from "../index.ts";
import type { Comparison } from "./consistency/compare-logits.ts";
import { compareSessions } from "./consistency/compare-sessions.ts";
import { converse, planGrowth } from "./consistency/conversation.ts";
import { meanInterval, median, perplexityOf, shareInterval, sum } from "./interval.ts";
import type { Method } from "./method.ts";
import { takePassages } from "./passage.ts";
import type { ConsistencyCell, ConsistencySample, Sample } from "./result.ts";
import type { Setup } from "./target.ts";
import { hashOf, type Plan, type Trial } from "./trial.ts";

/** Of the native window: lengths where steps of 1, 2 and 4 stretch further than is needed. */
const betweenSteps = [1.1, 1.25, 1.5, 2.1, 3];
/** Which method shows what a cache costs: the first of these that is compared, one of which has to be. */
const forCaches = ["yarn-dynamic", "yarn-continuous", "ntk", "linear-dynamic"];

type RunOptions = Parameters<Trial["run"]>[0];

/** What two sessions that read the same text made of it. */
interface Compared extends Comparison {
  readonly factor: number;
  readonly seconds?: number;
  readonly exactSeconds?: number;
}

/** One kind of comparison, of one method at one length. */
interface Task {
  readonly task: string;
  readonly method: Method;
  readonly length: number;
  /** Models that it needs. */
  readonly setups: readonly Setup[];
  readonly alone?: boolean;
  /** @returns nothing where too little is left to compare */
  compare(tokens: Uint32Array, options: RunOptions): Promise<Compared | undefined>;
}

/**
 * What ways of computing that are not the exact one come to, on passages of the text that follow each other, where they fit.
 *
 * - `growth-recompute`, `growth-rerotate`: a conversation that outgrew its factor, beside a sequence that was planned at the last one from its first
 *   token. Of dynamic methods, at lengths past the native window; what was computed after the last growth is compared.
 * - `steps`: a factor in steps, or a static one, beside a continuous one. Of methods that are not continuous themselves, at all lengths and between
 *   the steps as far as the longest one.
 * - `cache-f16`, `cache-q8`: beside a cache of 32-bit numbers. Of one method, `yarn-dynamic` where it is compared, at all lengths.
 *
 * @throws UnsupportedError for a server, which returns no logits
 * @throws InvalidOptionError where no method is dynamic
 */
export async function consistencyTrials(plan: Plan): Promise<readonly Trial[]> {
  const { target, haystack, samples, methods } = plan;
  if (target.subject.kind === "endpoint") {
    throw new UnsupportedError(
      "consistency compares the logits of all tokens, which no server returns; leave it out of --suites, or evaluate a model that Skein loads",
    );
  }
  if (!methods.some(isDynamic)) {
    throw new InvalidOptionError(
      "methods",
      "consistency needs a method whose factor follows the length: add yarn-dynamic (or yarn-continuous, ntk, linear-dynamic)",
    );
  }
  const tokens = await target.tokenize(haystack.text);
  return [...growthTasks(plan), ...stepTasks(plan), ...cacheTasks(plan)].flatMap((task) => {
    const passages = takePassages(tokens, { length: task.length, step: task.length, most: samples });
    return passages.map((passage) => makeTrial(task, passage.index, passage.tokens, passages.length));
  });
}

/** One cell for each task, method and length. */
export function consistencyCells(samples: readonly Sample[]): readonly ConsistencyCell[] {
  const compared = samples.filter((sample) => sample.suite === "consistency");
  const cells = Map.groupBy(compared, ({ task, method, factor, length }) => [task, method, factor, length].join("/"));
  return [...cells.values()].map((all): ConsistencyCell => {
    const { task, method, factor, length } = all[0]!;
    const tokens = all.map((sample) => sample.tokens);
    const logprobs = all.map(({ logprob }) => logprob);
    const exactLogprobs = all.map(({ exactLogprob }) => exactLogprob);
    const agreed = all.map((sample) => sample.agreed);
    const agreementInterval = shareInterval(agreed, tokens);
    const divergence = meanInterval(all.map((sample) => sample.divergence / sample.tokens));
    // Passages that are hard are hard both ways: their differences say more than two intervals do.
    const ratio = perplexityOf(
      logprobs.map((logprob, i) => logprob - exactLogprobs[i]!),
      tokens,
    );
    const seconds = all.flatMap((sample) => sample.seconds ?? []);
    const exactSeconds = all.flatMap((sample) => sample.exactSeconds ?? []);
    return {
      ...{ suite: "consistency", task, method, factor, length, samples: all.length },
      divergence: divergence.mean,
      // Student's interval is symmetric, and knows nothing of what cannot be.
      ...(divergence.interval && { divergenceInterval: [Math.max(0, divergence.interval[0]), divergence.interval[1]] }),
      agreement: sum(agreed) / sum(tokens),
      ...(agreementInterval && { agreementInterval }),
      ...perplexityOf(logprobs, tokens),
      exactPerplexity: perplexityOf(exactLogprobs, tokens).perplexity,
      perplexityRatio: ratio.perplexity,
      ...(ratio.interval && { ratioInterval: ratio.interval }),
      ...(seconds.length > 0 && { seconds: median(seconds), exactSeconds: median(exactSeconds) }),
    };
  });
}

function growthTasks({ target, methods, lengths, cache }: Plan): readonly Task[] {
  const growing = lengths.filter((length) => length > target.subject.nativeWindow);
  return growing.flatMap((length) =>
    methods.filter(isDynamic).flatMap((method) =>
      (["recompute", "rerotate"] as const).map((growth): Task => {
        const setup = { extend: method.extend, cache };
        return {
          ...{ task: `growth-${growth}`, method, length, setups: [setup] },
          alone: true, // how long growing takes is measured
          compare: async (tokens, { signal, onTokens }) => {
            const model = target.model(setup);
            const { rises, context } = await planGrowth(model, method, length);
            // The first token after the last growth is what is timed, and the text's last one predicts nothing.
            if (length - rises.at(-1)! < 3) return undefined;
            await using grown = await model.createSession({ context: { ...context, growth } });
            const seconds = await converse(grown, tokens, rises, { signal, onTokens });
            const begin = grown.length;
            await using exact = await model.createSession({ plannedTokens: length, context: method.context });
            const began = performance.now();
            await exact.append(tokens.subarray(0, begin), {
              signal,
              onProgress: ({ completed }) => onTokens(begin + completed),
            });
            const exactSeconds = (performance.now() - began) / 1000;
            const onMore = (more: number): void => onTokens(2 * begin + more);
            const compared = await compareRest(exact, grown, tokens, model, { signal, onTokens: onMore });
            return { ...compared, seconds, exactSeconds };
          },
        };
      }),
    ),
  );
}

function stepTasks({ target, methods, lengths, cache }: Plan): readonly Task[] {
  const longest = lengths.at(-1)!;
  const between = betweenSteps.map((times) => Math.round(times * target.subject.nativeWindow));
  const all = [...lengths, ...between.filter((length) => length <= longest)];
  return [...new Set(all)]
    .sort((a, b) => a - b)
    .flatMap((length) =>
      methods.filter(isStepped).map((method): Task => {
        const setup = { extend: method.extend, cache };
        return {
          ...{ task: "steps", method, length, setups: [setup] },
          compare: async (tokens, { signal, onTokens }) => {
            const model = target.model(setup);
            const context = { ...method.context, schedule: "dynamic", steps: "continuous" } as const;
            await using exact = await model.createSession({ plannedTokens: length, context });
            await using other = await model.createSession({ plannedTokens: length, context: method.context });
            return await compareRest(exact, other, tokens, model, { signal, onTokens });
          },
        };
      }),
    );
}

function cacheTasks({ target, methods, lengths }: Plan): readonly Task[] {
  const name = forCaches.find((known) => methods.some((method) => method.name === known));
  const caches = target.subject.backend === "reference" ? (["f16"] as const) : (["f16", "q8"] as const); // it has no q8
  return lengths.flatMap((length) =>
    methods
      .filter((method) => method.name === name)
      .flatMap((method) =>
        caches.map((cache): Task => {
          const setups = (["f32", cache] as const).map((type) => ({ extend: method.extend, cache: type }));
          return {
            ...{ task: `cache-${cache}`, method, length, setups },
            compare: async (tokens, { signal, onTokens }) => {
              const [model, small] = [target.model(setups[0]!), target.model(setups[1]!)];
              const options = { plannedTokens: length, context: method.context };
              await using exact = await model.createSession(options);
              await using other = await small.createSession(options);
              return await compareRest(exact, other, tokens, model, { signal, onTokens });
            },
          };
        }),
      ),
  );
}

async function compareRest(
  exact: Session,
  other: Session,
  tokens: Uint32Array,
  { config }: Model,
  options: RunOptions,
): Promise<Compared> {
  const compared = await compareSessions(exact, other, tokens, { vocabulary: config.vocab_size, ...options });
  return { ...compared, factor: other.factor };
}

function makeTrial(
  { task, method, length, setups, alone, compare }: Task,
  index: number,
  tokens: Uint32Array,
  count: number,
): Trial {
  const identity = { suite: "consistency", task, method: method.name, factor: method.factor, length, index } as const;
  return {
    ...{ suite: "consistency", task, length, setups },
    id: ["consistency", task, method.name, method.factor, length, index, count].join("/"),
    tokens: 2 * length,
    ...(alone && { alone }),
    run: async (options): Promise<readonly ConsistencySample[]> => {
      const found = await compare(tokens, options);
      if (!found) return [];
      const { factor, ...compared } = found;
      return [{ ...identity, promptHash: await hashOf(tokens), usedFactor: factor, ...compared }];
    },
  };
}

function isDynamic({ extend, context }: Method): boolean {
  return extend !== "none" && context.schedule === "dynamic";
}

function isStepped({ extend, context }: Method): boolean {
  return extend !== "none" && context.steps !== "continuous";
}
