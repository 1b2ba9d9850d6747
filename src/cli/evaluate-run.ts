import { evaluate } from "../evaluation/evaluate.ts";
import { createHaystack, type Haystack } from "../evaluation/haystack.ts";
import { checkLengths, resolveLengths } from "../evaluation/length.ts";
import { type JournalFile, openJournal } from "../evaluation/node/journal.ts";
import { journalPath } from "../evaluation/node/journal-path.ts";
import { describeMachine } from "../evaluation/node/machine.ts";
import type { Behaviour, Cell, EvaluationResult, EvaluationSettings } from "../evaluation/result.ts";
import { checkTasks } from "../evaluation/retrieval.ts";
import { hashOf, type Plan } from "../evaluation/trial.ts";
import { SkeinError } from "../index.ts";
import { describeError, noteWarning, UsageError } from "./errors.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { type OpenedSubject, openSubject } from "./evaluate-subject.ts";
import { readEmbeddedText } from "./node/embedded.ts";
import { readTextFile } from "./node/input.ts";
import { interruption } from "./node/interruption.ts";
import type { ProgressLine } from "./node/progress.ts";
import { note, styleError } from "./node/terminal.ts";
import { version } from "./version.ts";

/** A finished run. */
export interface Run {
  readonly result: EvaluationResult;
  /** Forgets what was kept for `--resume`: when the result is where it belongs. Not where something of it can be tried again. */
  readonly forget: () => Promise<void>;
}

/** Measures as the flags say; goes on with an interrupted run under `--resume`. */
export async function measure(model: string | undefined, flags: EvaluateFlags, progress: ProgressLine): Promise<Run> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  checkLengths(flags.lengths);
  checkTasks(flags.tasks ?? []);
  const haystack = await readHaystack(flags.text);
  await using subject = await openSubject(model, haystack, flags, progress);
  const plan = makePlan(subject, haystack, flags);
  const textHash = await hashOf(haystack.text);
  await using journal = await openRun(findJournal(subject, textHash, flags), flags, seconds);
  const keptBefore = journal.kept;
  let neededBefore = 0; // other runs may have kept more than this one asks for
  try {
    const found = await evaluate(plan, {
      suites: subject.suites,
      journal,
      signal: interruption.signal,
      onKept: (parts) => {
        neededBefore = parts;
        if (flags.resume) sayWhatIsKept(parts, progress);
      },
      onProgress: ({ completed, total }) => progress.update("Evaluating", completed, total, "tokens"),
    });
    const { behaviour, hasFailed } = await recognise(subject, plan, found.cells, progress);
    const result: EvaluationResult = {
      type: "evaluation",
      version: 1,
      subject: subject.target.subject,
      settings: await describeSettings(plan, textHash, subject, flags),
      ...found,
      ...(behaviour && { behaviour }),
      seconds: journal.secondsBefore + seconds(),
      date: new Date().toISOString(),
    };
    return { result, forget: async () => (hasFailed ? undefined : journal.remove()) };
  } catch (error) {
    progress.clear();
    // Going on with what came to nothing comes to nothing; what earlier runs measured stays.
    const isNothing = keptBefore === 0 && error instanceof SkeinError && error.code === "nothing_measured";
    const parts = neededBefore + journal.kept - keptBefore;
    if (isNothing || journal.kept === 0) await journal.remove();
    else if (parts > 0) {
      const kept = `${countParts(parts)} ${parts === 1 ? "is" : "are"} kept`;
      note(styleError("dim", `${kept}; the same command with --resume goes on`));
    }
    throw error;
  }
}

/** What a server's answers look like, where that can be found out: what was measured stands without it. */
async function recognise(
  subject: OpenedSubject,
  plan: Plan,
  cells: readonly Cell[],
  progress: ProgressLine,
): Promise<{ readonly behaviour?: Behaviour | undefined; readonly hasFailed: boolean }> {
  try {
    return { behaviour: await subject.recognise(plan, cells), hasFailed: false };
  } catch (error) {
    interruption.signal.throwIfAborted();
    // What is no error of a server or of a model is a mistake of ours.
    if (!(error instanceof SkeinError)) throw error;
    progress.clear();
    const reason = describeError(error);
    noteWarning({
      message: `what its answers look like is left out, and the same command with --resume tries it again: ${reason}`,
    });
    return { hasFailed: true };
  }
}

async function readHaystack(path: string | undefined): Promise<Haystack> {
  if (path === undefined)
    return createHaystack("models/tiny-qwen2/haystack.txt", (await readEmbeddedText()).join("\n"));
  const haystack = createHaystack(path, await readTextFile(path, "--text"));
  if (haystack.words.length < 2) throw new UsageError(`--text ${path}: has no text to hide anything in`);
  return haystack;
}

function makePlan({ target, methods, ways }: OpenedSubject, haystack: Haystack, flags: EvaluateFlags): Plan {
  const { samples, share, seed, tasks, cache = "f32" } = flags;
  const lengths = resolveLengths(flags.lengths, target.subject.nativeWindow);
  return { target, methods, ways, lengths, samples, share, seed, haystack, cache, ...(tasks && { tasks }) };
}

/** By everything that results depend on, and what was asked for. */
function findJournal({ target, files }: OpenedSubject, textHash: string, flags: EvaluateFlags): string {
  const { embeddings, threads, seed, share, chat, suites, tasks, methods, factors, lengths, samples } = flags;
  const identity = { version, files, subject: target.subject, embeddings, threads, seed, share, chat, textHash };
  return journalPath(identity, { suites, tasks, methods, factors, lengths, samples });
}

async function openRun(path: string, flags: EvaluateFlags, seconds: () => number): Promise<JournalFile> {
  const resume = flags.resume ?? false;
  const journal = await openJournal(path, { resume, now: seconds });
  if (journal.replaced > 0)
    note(styleError("dim", `an interrupted run had ${countParts(journal.replaced)}; without --resume it begins anew`));
  return journal;
}

function sayWhatIsKept(parts: number, progress: ProgressLine): void {
  progress.clear();
  const text = parts > 0 ? `goes on after ${countParts(parts)}` : "nothing of these settings to go on with";
  note(styleError("dim", text));
}

function countParts(parts: number): string {
  return parts === 1 ? "1 finished part" : `${parts} finished parts`;
}

async function describeSettings(
  plan: Plan,
  hash: string,
  { suites }: OpenedSubject,
  flags: EvaluateFlags,
): Promise<EvaluationSettings> {
  const { ways, lengths, samples, seed, share, tasks, haystack, target } = plan;
  const tokens = await target.tokenize(haystack.text).then(
    ({ length }) => length,
    () => undefined, // a server may not tell
  );
  return {
    skein: version,
    suites,
    ...(tasks && { tasks }),
    methods: ways.map(({ name, factor }) => ({ name, factor })),
    ...{ lengths, samples, seed, share },
    text: { name: haystack.name, hash, characters: haystack.text.length, ...(tokens !== undefined && { tokens }) },
    command: ["skein", "evaluate", ...process.argv.slice(process.argv.indexOf("evaluate") + 1)],
    machine: { ...describeMachine(), ...(flags.threads !== undefined && { threads: flags.threads }) },
  };
}
