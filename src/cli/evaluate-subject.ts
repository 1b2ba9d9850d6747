import { recogniseBehaviour } from "../evaluation/endpoint/behaviour.ts";
import { type EndpointTarget, openEndpointTarget } from "../evaluation/endpoint/endpoint-target.ts";
import type { Haystack } from "../evaluation/haystack.ts";
import { type LocalTarget, openLocalTarget } from "../evaluation/local-target.ts";
import { type Method, resolveMethods } from "../evaluation/method.ts";
import { identifyFiles } from "../evaluation/node/journal-path.ts";
import type { Behaviour, Cell, SuiteName } from "../evaluation/result.ts";
import type { Target, Way } from "../evaluation/target.ts";
import type { Plan } from "../evaluation/trial.ts";
import { InvalidOptionError } from "../index.ts";
import { agreeToDownload } from "./download.ts";
import { noteWarning, UsageError } from "./errors.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { embeddedModel } from "./node/embedded.ts";
import { interruption } from "./node/interruption.ts";
import type { ProgressLine } from "./node/progress.ts";

/** What is evaluated, opened as the flags say. */
export interface OpenedSubject extends AsyncDisposable {
  readonly target: Target;
  readonly methods: readonly Method[];
  readonly ways: readonly Way[];
  /** What can be measured of what was asked for. */
  readonly suites: readonly SuiteName[];
  /** What tells its files apart from those that stand in their place later. */
  readonly files: readonly string[];
  /** Of a server: what its answers look like. */
  recognise(plan: Plan, cells: readonly Cell[]): Promise<Behaviour | undefined>;
}

/** @param model - what is evaluated; beside a server the same weights, as a reference */
export async function openSubject(
  model: string | undefined,
  haystack: Haystack,
  flags: EvaluateFlags,
  progress: ProgressLine,
): Promise<OpenedSubject> {
  if (flags.endpoint !== undefined) return await openServer(flags.endpoint, model, haystack, flags, progress);
  const methods = resolveMethods(flags.methods, factorsOf(flags));
  const target = await openModel(model, methods, flags, progress);
  const files = await identifyFiles(model ?? embeddedModel);
  return {
    ...{ target, methods, ways: methods, suites: flags.suites, files },
    recognise: async () => undefined,
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

async function openServer(
  url: string,
  model: string | undefined,
  haystack: Haystack,
  flags: EvaluateFlags,
  progress: ProgressLine,
): Promise<OpenedSubject> {
  const { signal } = interruption;
  const [factor = 4] = factorsOf(flags);
  const referenceWays = resolveMethods(["none", "yarn-static"], [factor]);
  const reference = model === undefined ? undefined : await openReference(model, referenceWays, flags, progress);
  const letGo = async (): Promise<void> => reference?.target[Symbol.asyncDispose]();
  try {
    const target = await openEndpointTarget(url, {
      model: flags.model,
      nativeWindow: flags.nativeWindow ?? reference?.target.subject.nativeWindow,
      chat: flags.chat,
      concurrency: flags.concurrency,
      key: process.env[flags.keyEnv] || undefined,
      tokenizer: reference?.target,
      sample: haystack.text,
      signal,
      onWarning: noteWarning,
    });
    const suites = await findMeasurable(target, flags.suites);
    const files = model === undefined ? [] : await identifyFiles(model);
    const [none, scaled] = referenceWays;
    const known =
      reference?.isScaled === true && none && scaled ? { target: reference.target, none, scaled } : undefined;
    return {
      ...{ target, suites, methods: [], ways: [{ name: "endpoint", factor: 1 }], files },
      recognise: (plan, cells) =>
        recogniseBehaviour({
          ...{ target, plan, cells, signal },
          reference: known,
          onProgress: (completed, total) => progress.update("Comparing lengths", completed, total, "texts"),
        }),
      [Symbol.asyncDispose]: letGo,
    };
  } catch (error) {
    await letGo();
    throw error;
  }
}

/** The server's weights, in both ways that it is compared with; or as they are, where no other scaling can be put on their own: for their tokenizer. */
async function openReference(
  model: string,
  ways: readonly Method[],
  flags: EvaluateFlags,
  progress: ProgressLine,
): Promise<{ readonly target: LocalTarget; readonly isScaled: boolean }> {
  try {
    return { target: await openModel(model, ways, flags, progress), isScaled: true };
  } catch (error) {
    if (!(error instanceof InvalidOptionError && error.option === "methods")) throw error;
    const target = await openModel(model, resolveMethods(["none"], []), flags, progress);
    const message = `${model}: no other scaling can be put on its own; its tokenizer counts, and the log probabilities of the server are not compared with it`;
    noteWarning({ message });
    return { target, isScaled: false };
  }
}

async function findMeasurable(target: EndpointTarget, suites: readonly SuiteName[]): Promise<readonly SuiteName[]> {
  const found: SuiteName[] = [];
  for (const suite of suites) {
    const reason = await target.missing(suite, interruption.signal);
    if (reason === undefined) found.push(suite);
    else noteWarning({ message: `${suite} is left out: ${reason}` });
  }
  if (found.length === 0)
    throw new UsageError(`--suites ${suites.join(",")}: nothing of it can be measured of this server`);
  return found;
}

function openModel(
  model: string | undefined,
  methods: readonly Method[],
  flags: EvaluateFlags,
  progress: ProgressLine,
): Promise<LocalTarget> {
  const { weights, embeddings, cache = "f32", backend, threads, nativeWindow } = flags;
  return openLocalTarget(model ?? embeddedModel, {
    name: model ?? "models/tiny-qwen2",
    ...{ methods, weights, embeddings, cache, backend, threads, nativeWindow },
    download: agreeToDownload,
    signal: interruption.signal,
    onProgress: ({ phase, completed, total }) =>
      progress.update(phase === "download" ? "Downloading" : "Loading", completed, total, "bytes"),
    onWarning: noteWarning,
  });
}

function factorsOf({ factors = [4] }: EvaluateFlags): readonly number[] {
  return factors;
}
