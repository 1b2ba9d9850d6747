import { evaluate } from "../evaluation/evaluate.ts";
import { createHaystack, type Haystack } from "../evaluation/haystack.ts";
import { resolveLengths } from "../evaluation/length.ts";
import { openLocalTarget } from "../evaluation/local-target.ts";
import { resolveMethods } from "../evaluation/method.ts";
import { countKept, type JournalFile, openJournal } from "../evaluation/node/journal.ts";
import { identifyFiles, journalPath } from "../evaluation/node/journal-path.ts";
import { describeMachine } from "../evaluation/node/machine.ts";
import type { EvaluationResult, EvaluationSettings } from "../evaluation/result.ts";
import type { Target } from "../evaluation/target.ts";
import { hashOf, type Plan } from "../evaluation/trial.ts";
import { agreeToDownload } from "./download.ts";
import { noteWarning, UsageError } from "./errors.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { embeddedModel, readEmbeddedText } from "./node/embedded.ts";
import { readTextFile } from "./node/input.ts";
import { interruption } from "./node/interruption.ts";
import type { ProgressLine } from "./node/progress.ts";
import { note, styleError } from "./node/terminal.ts";
import { version } from "./version.ts";

/** A finished run. */
export interface Run {
  readonly result: EvaluationResult;
  /** Forgets what was kept for `--resume`: when the result is where it belongs. */
  readonly forget: () => Promise<void>;
}

/** Measures as the flags say; goes on with an interrupted run under `--resume`. */
export async function measure(model: string | undefined, flags: EvaluateFlags, progress: ProgressLine): Promise<Run> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const haystack = await readHaystack(flags.text);
  await using target = await openTarget(model, flags, progress);
  const plan = makePlan(target, haystack, flags);
  const textHash = await hashOf(haystack.text);
  const path = await findJournal(model ?? embeddedModel, target, textHash, flags);
  await using journal = await openRun(path, flags, seconds);
  try {
    const found = await evaluate(plan, {
      suites: flags.suites,
      journal,
      signal: interruption.signal,
      onProgress: ({ completed, total }) => progress.update("Evaluating", completed, total, "tokens"),
    });
    const result: EvaluationResult = {
      type: "evaluation",
      version: 1,
      subject: target.subject,
      settings: await describeSettings(plan, textHash, flags),
      ...found,
      seconds: journal.secondsBefore + seconds(),
      date: new Date().toISOString(),
    };
    return { result, forget: () => journal.remove() };
  } catch (error) {
    progress.clear();
    if (journal.kept === 0) await journal.remove();
    else {
      note(styleError("dim", `${journal.kept} finished parts are kept; the same command with --resume goes on`));
    }
    throw error;
  }
}

async function readHaystack(path: string | undefined): Promise<Haystack> {
  if (path === undefined)
    return createHaystack("models/tiny-qwen2/haystack.txt", (await readEmbeddedText()).join("\n"));
  const haystack = createHaystack(path, await readTextFile(path, "--text"));
  if (haystack.words.length < 2) throw new UsageError(`--text ${path}: has no text to hide anything in`);
  return haystack;
}

function openTarget(model: string | undefined, flags: EvaluateFlags, progress: ProgressLine): Promise<Target> {
  const { weights, embeddings, cache = "f32", backend, threads, nativeWindow } = flags;
  return openLocalTarget(model ?? embeddedModel, {
    name: model ?? "models/tiny-qwen2",
    methods: resolveMethods(flags.methods, flags.factors ?? [4]),
    ...{ weights, embeddings, cache, backend, threads, nativeWindow },
    download: agreeToDownload,
    signal: interruption.signal,
    onProgress: ({ phase, completed, total }) =>
      progress.update(phase === "download" ? "Downloading" : "Loading", completed, total, "bytes"),
    onWarning: noteWarning,
  });
}

function makePlan(target: Target, haystack: Haystack, flags: EvaluateFlags): Plan {
  const methods = resolveMethods(flags.methods, flags.factors ?? [4]);
  const { samples, share, seed, tasks, cache = "f32" } = flags;
  const lengths = resolveLengths(flags.lengths, target.subject.nativeWindow);
  return { target, methods, ways: methods, lengths, samples, share, seed, haystack, cache, ...(tasks && { tasks }) };
}

/** Everything that results depend on but for what each trial says of itself. */
async function findJournal(
  source: string,
  { subject }: Target,
  textHash: string,
  flags: EvaluateFlags,
): Promise<string> {
  const { embeddings, threads, seed, share } = flags;
  const files = await identifyFiles(source);
  return journalPath({ version, files, subject, embeddings, threads, seed, share, textHash });
}

async function openRun(path: string, flags: EvaluateFlags, seconds: () => number): Promise<JournalFile> {
  const resume = flags.resume ?? false;
  if (!resume) {
    const left = await countKept(path);
    if (left > 0)
      note(styleError("dim", `an interrupted run had ${left} finished parts; without --resume it begins anew`));
  }
  const journal = await openJournal(path, { resume, now: seconds });
  if (resume) {
    const text =
      journal.kept > 0 ? `goes on after ${journal.kept} finished parts` : "nothing of these settings to go on with";
    note(styleError("dim", text));
  }
  return journal;
}

async function describeSettings(plan: Plan, hash: string, flags: EvaluateFlags): Promise<EvaluationSettings> {
  const { methods, lengths, samples, seed, share, haystack, target } = plan;
  const tokens = await target.tokenize(haystack.text).then(
    ({ length }) => length,
    () => undefined, // a server may not tell
  );
  return {
    skein: version,
    suites: flags.suites,
    methods: methods.map(({ name, factor }) => ({ name, factor })),
    ...{ lengths, samples, seed, share },
    text: { name: haystack.name, hash, characters: haystack.text.length, ...(tokens !== undefined && { tokens }) },
    command: ["skein", "evaluate", ...process.argv.slice(process.argv.indexOf("evaluate") + 1)],
    machine: { ...describeMachine(), ...(flags.threads !== undefined && { threads: flags.threads }) },
  };
}
