import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import type { DecodeTask, Engine, Measurement, PrefillTask, SavedText, Sequence, Task } from "./engine.ts";
import { peakMemory } from "./peak-memory.ts";
import { randomTokens } from "./random-tokens.ts";
import { median } from "./statistics.ts";

/** What a running task says meanwhile. */
export interface TaskEvents {
  readonly onProgress: (label: string, completed: number, total: number) => void;
  readonly onNote: (text: string) => void;
}

/** Intervals between tokens in one repetition of decoding. */
const decodedTokens = 16;
const decodeRepetitions = 3;
/** Short prompts are over soon: they are read until this many tokens were. */
const leastPrefilledTokens = 2048;
/** Code is compiled for good, and memory touched, before anything is measured. */
const warmUpTokens = 64;

/** Tokens that decoding adds to its text: the plan of its session is exactly this much longer. */
export const answerRoom: number = 1 + decodedTokens + 1;

/**
 * Opens an engine, measures one thing, and closes it. The engine should be all that this process does: its peak memory is part of the result.
 *
 * @param open - opens the engine; the time that it takes counts
 */
export async function runTask(open: () => Promise<Engine>, task: Task, events: TaskEvents): Promise<Measurement> {
  const began = performance.now();
  const engine = await open();
  try {
    const sequence = await engine.createSequence();
    await sequence.generate(0, 1, () => {});
    const loadSeconds = (performance.now() - began) / 1000;
    await engine.settle();
    if (task.kind !== "load") {
      await sequence.append(randomTokens(warmUpTokens, engine.vocabulary), () => {});
      await sequence.generate(0, 2, () => {});
    }
    await sequence.release();
    const rates =
      task.kind === "load"
        ? []
        : task.kind === "prefill"
          ? await prefill(engine, task, events)
          : await decode(engine, task, events);
    return { loadSeconds, rates, peakBytes: peakMemory() };
  } finally {
    await engine.close();
  }
}

async function prefill(engine: Engine, task: PrefillTask, { onProgress }: TaskEvents): Promise<number[]> {
  const tokens = randomTokens(task.tokens, engine.vocabulary);
  const rates: number[] = [];
  for (let read = 0; read < leastPrefilledTokens; read += tokens.length) {
    const sequence = await engine.createSequence();
    const began = performance.now();
    await sequence.append(tokens, (completed) => onProgress("Reading", completed, tokens.length));
    rates.push((tokens.length * 1000) / (performance.now() - began));
    if (rates.length === 1 && task.save) {
      await sequence.truncate(task.save.length);
      await save(sequence, task.save);
    }
    await sequence.release();
  }
  return rates;
}

async function decode(engine: Engine, task: DecodeTask, events: TaskEvents): Promise<number[]> {
  const sequence = await openText(engine, task.text, events);
  const rates: number[] = [];
  for (let repetition = 0; repetition < decodeRepetitions; repetition++) {
    const times: number[] = [];
    await sequence.generate(repetition, decodedTokens + 1, () => times.push(performance.now()));
    rates.push(1000 / median(times.slice(1).map((time, i) => time - times[i]!)));
    await sequence.truncate(task.text.length);
    events.onProgress("Decoding", repetition + 1, decodeRepetitions);
  }
  await sequence.release();
  return rates;
}

/** @returns a sequence that holds the text, restored if it was saved before */
async function openText(engine: Engine, text: SavedText, { onProgress, onNote }: TaskEvents): Promise<Sequence> {
  const { length, path } = text;
  if (path !== undefined && existsSync(path)) {
    try {
      return await engine.restoreSequence(path);
    } catch (error) {
      onNote(`${path} is of no use any more (${(error as Error).message}) and is made anew`);
    }
  }
  const sequence = await engine.createSequence();
  await sequence.append(randomTokens(length, engine.vocabulary), (completed) =>
    onProgress("Reading", completed, length),
  );
  await save(sequence, text);
  return sequence;
}

/** The file is there whole or not at all. */
async function save(sequence: Sequence, { path }: SavedText): Promise<void> {
  if (path === undefined) return;
  await sequence.save(`${path}.partial`);
  await rename(`${path}.partial`, path);
}
