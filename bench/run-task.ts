import { readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type {
  DecodeTask,
  Depth,
  Engine,
  GrowthTask,
  Measurement,
  PrefillTask,
  SavedText,
  Sequence,
  Task,
} from "./engine.ts";
import { peakMemory } from "./peak-memory.ts";
import { randomTokens } from "./random-tokens.ts";
import { median } from "./statistics.ts";
import { watchUsage } from "./usage.ts";

/** What a running task says meanwhile. */
export interface TaskEvents {
  readonly onProgress: (label: string, completed: number, total: number) => void;
  readonly onNote: (text: string) => void;
}

/** Intervals between tokens in one repetition of decoding. */
const decodedTokens = 48;
const decodeRepetitions = 3;
/** Short prompts are over soon: they are read until this many tokens were. */
const leastPrefilledTokens = 2048;
/** Code is compiled for good, and memory touched, before anything is measured: first a text of this length, then an answer. */
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
      await sequence.generate(0, decodedTokens, () => {});
    }
    await sequence.release();
    const used = watchUsage();
    const found = await measure(engine, task, events);
    const usage = task.kind === "load" ? undefined : used();
    return { loadSeconds, rates: [], ...found, peakBytes: peakMemory(), ...(usage && { usage }) };
  } finally {
    await engine.close();
  }
}

async function measure(engine: Engine, task: Task, events: TaskEvents): Promise<Partial<Measurement>> {
  switch (task.kind) {
    case "load":
      return {};
    case "prefill":
      return { rates: await prefill(engine, task, events) };
    case "decode":
      return { rates: await decode(engine, task, events) };
    case "growth":
      return { growth: await grow(engine, task, events) };
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
  const { text, readOn = 0 } = task;
  const sequence = await openText(engine, task, events);
  const length = text.length + readOn;
  if (readOn > 0) await sequence.append(randomTokens(length, engine.vocabulary).slice(text.length), () => {});
  const rates = await decodeBehind(sequence, length, events);
  await sequence.release();
  return rates;
}

async function decodeBehind(sequence: Sequence, length: number, { onProgress }: TaskEvents): Promise<number[]> {
  const rates: number[] = [];
  for (let repetition = 0; repetition < decodeRepetitions; repetition++) {
    const times: number[] = [];
    await sequence.generate(repetition, decodedTokens + 1, () => times.push(performance.now()));
    rates.push(1000 / median(times.slice(1).map((time, i) => time - times[i]!)));
    await sequence.truncate(length);
    onProgress("Decoding", repetition + 1, decodeRepetitions);
  }
  return rates;
}

/** Reads the text once, piece by piece, then answers behind ever less of it. */
async function grow(engine: Engine, { lengths, save: text }: GrowthTask, events: TaskEvents): Promise<Depth[]> {
  const longest = lengths.at(-1)!;
  const tokens = randomTokens(longest, engine.vocabulary);
  const sequence = await engine.createSequence();
  const seconds: number[] = [];
  let milliseconds = 0;
  for (const [i, length] of lengths.entries()) {
    const start = lengths[i - 1] ?? 0;
    const began = performance.now();
    await sequence.append(tokens.slice(start, length), (completed) =>
      events.onProgress("Reading", start + completed, longest),
    );
    milliseconds += performance.now() - began;
    seconds.push(milliseconds / 1000);
  }
  await sequence.truncate(text.length);
  await save(sequence, text);
  const depths: Depth[] = [];
  for (const [i, tokens] of [...lengths.entries()].reverse()) {
    const length = Math.min(tokens, text.length);
    await sequence.truncate(length);
    depths.unshift({ tokens, seconds: seconds[i]!, decodeRate: median(await decodeBehind(sequence, length, events)) });
  }
  await sequence.release();
  return depths;
}

/** @returns a sequence that holds the text: restored as far as it was saved before, and saved itself where any of it had to be read */
async function openText(
  engine: Engine,
  { text, longest, fromShorter = false }: DecodeTask,
  { onProgress, onNote }: TaskEvents,
): Promise<Sequence> {
  const { length } = text;
  const saved = await findSaved(text, { longest: longest ?? Number.POSITIVE_INFINITY, fromShorter });
  let sequence: Sequence | undefined;
  if (saved !== undefined) {
    try {
      sequence = await engine.restoreSequence(saved.path);
    } catch (error) {
      onNote(`${saved.path} is of no use any more (${(error as Error).message}) and is not used`);
    }
  }
  if (sequence && saved && saved.length >= length) {
    await sequence.truncate(length);
    return sequence;
  }
  const start = sequence && saved ? saved.length : 0;
  sequence ??= await engine.createSequence();
  await sequence.append(randomTokens(length, engine.vocabulary).slice(start), (completed) =>
    onProgress("Reading", start + completed, length),
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

/**
 * @returns the shortest saved text that begins with this one, of so many tokens at most
 *   (`fromShorter`: where there is none, the longest that this one begins with)
 */
async function findSaved(
  { length, path }: SavedText,
  { longest, fromShorter }: { readonly longest: number; readonly fromShorter: boolean },
): Promise<{ readonly path: string; readonly length: number } | undefined> {
  if (path === undefined) return undefined;
  const [folder, name] = [dirname(path), basename(path)];
  const at = name.lastIndexOf(String(length)); // names differ in the length alone
  const [before, after] = [name.slice(0, at), name.slice(at + String(length).length)];
  const lengths = (await readdir(folder))
    .filter((other) => other.startsWith(before) && other.endsWith(after))
    .map((other) => Number(other.slice(before.length, other.length - after.length)));
  const longer = lengths.filter((other) => other >= length && other <= longest);
  const shorter = lengths.filter((other) => other > 0 && other < length);
  const found = longer.length > 0 ? Math.min(...longer) : fromShorter ? Math.max(...shorter) : Number.NEGATIVE_INFINITY;
  return found > 0 ? { path: join(folder, `${before}${found}${after}`), length: found } : undefined;
}
