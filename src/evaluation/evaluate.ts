import { SkeinError } from "../index.ts";
import { consistencyCells, consistencyTrials } from "./consistency.ts";
import { depthParts, passkeyTrials } from "./passkey.ts";
import { perplexityCells, perplexityTrials } from "./perplexity.ts";
import { accuracyCells } from "./questions.ts";
import type { EvaluationResult, Sample, SuiteName } from "./result.ts";
import { retrievalTrials } from "./retrieval.ts";
import { speedCells, speedTrials, whyUntimed } from "./speed.ts";
import type { Setup } from "./target.ts";
import type { Plan, Trial } from "./trial.ts";

/** What is going on. */
export interface EvaluationProgress {
  readonly suite: SuiteName;
  /** Tokens, those of earlier runs included. */
  readonly completed: number;
  readonly total: number;
}

/** Where finished trials are kept, so that an interrupted run can go on. */
export interface Journal {
  /** Samples of a finished trial. */
  read(id: string): readonly Sample[] | undefined;
  write(id: string, samples: readonly Sample[]): Promise<void>;
}

export interface EvaluateOptions {
  readonly suites: readonly SuiteName[];
  readonly journal?: Journal | undefined;
  readonly signal: AbortSignal;
  /** Told before anything is computed how many finished trials the journal has of these, but for those that a length had no room for. */
  readonly onKept?: ((trials: number) => void) | undefined;
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
}

type MakeTrials = (plan: Plan) => readonly Trial[] | Promise<readonly Trial[]>;

const makers: Readonly<Record<SuiteName, MakeTrials>> = {
  passkey: passkeyTrials,
  retrieval: retrievalTrials,
  perplexity: perplexityTrials,
  consistency: consistencyTrials,
  speed: speedTrials,
};

/**
 * Runs suites. What the journal has is not computed again.
 *
 * @returns samples in the order of the trials, whatever order they were computed in, what they come to, and what was left out
 * @throws SkeinError (code `nothing_measured`) where no length has room for anything that was asked for, or speed alone was and no answer could be timed
 */
export async function evaluate(
  plan: Plan,
  { suites, journal, signal, onKept, onProgress }: EvaluateOptions,
): Promise<Pick<EvaluationResult, "cells" | "samples" | "omitted">> {
  const trials: Trial[] = [];
  for (const suite of suites) trials.push(...(await makers[suite](plan)));
  const found = new Map<Trial, readonly Sample[]>();
  const total = trials.reduce((sum, { tokens }) => sum + tokens, 0);
  let completed = 0;
  for (const trial of trials) {
    const kept = journal?.read(trial.id);
    if (kept === undefined) continue;
    found.set(trial, kept);
    completed += trial.tokens;
  }
  onKept?.([...found.values()].filter(({ length }) => length > 0).length);
  const run = async (trial: Trial): Promise<void> => {
    let counted = 0;
    const onTokens = (tokens: number): void => {
      const now = Math.min(trial.tokens, tokens);
      completed += now - counted;
      counted = now;
      onProgress?.({ suite: trial.suite, completed, total });
    };
    const samples = await trial.run({ signal, onTokens });
    await journal?.write(trial.id, samples);
    found.set(trial, samples);
    onTokens(trial.tokens);
  };
  const open = trials.filter((trial) => !found.has(trial));
  for (const { setups, members } of inLoadingOrder(open)) {
    await plan.target.prepare(setups, signal);
    const width = members.some(({ alone }) => alone) ? 1 : plan.target.concurrency;
    await runAll(members, width, run);
  }
  const samples = trials.flatMap((trial) => found.get(trial) ?? []);
  if (samples.length === 0) {
    const lengths = plan.lengths.join(", ");
    throw new SkeinError(
      "nothing_measured",
      `Nothing was measured: ${lengths} tokens have no room for a question of ${suites.join(", ")}, or the text is shorter. Give longer --lengths, or a longer --text.`,
    );
  }
  const untimed = samples.filter((sample) => sample.suite === "speed");
  const speeds = speedCells(samples);
  // A refusal is an answer to other suites' questions; of speed alone nothing is left.
  if (speeds.length === 0 && untimed.length === samples.length) {
    throw new SkeinError("nothing_measured", `Nothing was measured: ${whyUntimed(untimed)}.`);
  }
  return {
    cells: [
      ...accuracyCells(samples, depthParts),
      ...perplexityCells(samples),
      ...consistencyCells(samples),
      ...speeds,
    ],
    samples,
    omitted: findOmitted(suites, plan.lengths, found),
  };
}

/** Nobody should take what was not asked for what was not found. */
function findOmitted(
  suites: readonly SuiteName[],
  lengths: readonly number[],
  found: ReadonlyMap<Trial, readonly Sample[]>,
): EvaluationResult["omitted"] {
  const trials = [...found.keys()];
  return suites.flatMap((suite) =>
    lengths.flatMap((length) => {
      const tried = trials.filter((trial) => trial.suite === suite && trial.length === length);
      const tasks = [...new Set(tried.map(({ task }) => task))];
      const empty = tasks.filter((task) =>
        tried.every((trial) => trial.task !== task || found.get(trial)?.length === 0),
      );
      if (empty.length === tasks.length) return [{ suite, length }];
      return empty.map((task) => ({ suite, task, length }));
    }),
  );
}

/** Trials that need the same models, in order; those that run alone by themselves. */
function inLoadingOrder(
  trials: readonly Trial[],
): readonly { readonly setups: readonly Setup[]; readonly members: readonly Trial[] }[] {
  const batches = Map.groupBy(trials, ({ setups, alone = false }) => JSON.stringify([alone, setups]));
  return [...batches.values()].map((members) => ({ setups: members[0]!.setups, members }));
}

/** Several at once. The first failure ends all. */
async function runAll(trials: readonly Trial[], width: number, run: (trial: Trial) => Promise<void>): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    while (next < trials.length && !hasFailed) {
      try {
        await run(trials[next++]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(width, trials.length) }, worker));
  for (const result of done) if (result.status === "rejected") throw result.reason;
}
