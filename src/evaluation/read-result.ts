import { InvalidConfigError, SkeinError } from "../index.ts";
import { type Check, fail, interval, list, name, number, object, oneOf, text, whole } from "./check-json.ts";
import { nameMethod } from "./method-use.ts";
import { type EvaluationResult, suites } from "./result.ts";

/** As far as what is computed from it stays finite. */
const amount = number(0, 1e300);
const rate = number(0, 1);
const count = whole(1);
const length = whole(1, 2 ** 32);
/** All methods with ten factors at ten lengths in all tasks are fewer. */
const mostCells = 10_000;

/**
 * Reads what `skein evaluate --json` printed. Every field that something is made of is checked: files come from anywhere.
 *
 * @param source - its name, for errors
 * @throws SkeinError (code `invalid_result`) with the name, and the field at fault
 */
export function parseEvaluation(content: string, source: string): EvaluationResult {
  try {
    const value: unknown = JSON.parse(content);
    checkVersion(value);
    checkResult(value, "");
    const result = value as EvaluationResult;
    refuseTwice(result);
    return result;
  } catch (error) {
    if (!(error instanceof InvalidConfigError || error instanceof SyntaxError)) throw error;
    const why = error instanceof SyntaxError ? "it is no JSON" : error.message;
    const message = `${source} is not what skein evaluate --json prints: ${why}`;
    throw new SkeinError("invalid_result", message, { cause: error });
  }
}

/** What stands first decides whether the rest can be read at all. */
function checkVersion(value: unknown): void {
  object({ type: oneOf(["evaluation"]), version: whole(1) })(value, "");
  const { version } = value as { readonly version: number };
  if (version !== 1) fail("version", "1, which this version of Skein reads", version);
}

const measured = { suite: oneOf(suites), task: name, method: name, factor: number(1, 2 ** 20), length };
const sampled = { ...measured, index: whole(0), promptHash: name };
const usedFactor = { usedFactor: number(1, 2 ** 20) };

const isTrue: Check = (value, path) => {
  if (value !== true) fail(path, "true", value);
};

const depthCell = object({ depth: interval, samples: count, accuracy: rate, interval });
const positionCell = object({ from: whole(0), to: count, tokens: whole(0), perplexity: amount }, { interval });

const accuracyCell = object(
  { ...measured, samples: count, accuracy: rate, interval },
  { depths: list(depthCell, 100) },
);
const perplexityCell = object(
  { ...measured, samples: count, perplexity: amount, positions: list(positionCell, 1000) },
  { interval },
);
const consistencyCell = object(
  {
    ...measured,
    samples: count,
    divergence: number(-1e300, 1e300),
    agreement: rate,
    perplexity: amount,
    exactPerplexity: amount,
    perplexityRatio: amount,
  },
  {
    divergenceInterval: interval,
    agreementInterval: interval,
    interval,
    ratioInterval: interval,
    seconds: amount,
    exactSeconds: amount,
  },
);
const speedCell = object(
  { ...measured, samples: count, prefillRate: amount, decodeRate: amount },
  { cacheBytes: amount },
);

const accuracySample = object(
  { ...sampled, group: whole(0), expected: list(text), answer: text, score: rate },
  { ...usedFactor, depth: rate, refused: isTrue },
);
const logprob = number(-1e300, 1e300);
const perplexitySample: Check = (value, path) => {
  object({ ...sampled, logprobs: list(logprob), tokens: list(whole(0)) }, { ...usedFactor, refused: isTrue })(
    value,
    path,
  );
  if (Object.hasOwn(value as object, "refused")) return;
  const { logprobs, tokens } = value as { readonly logprobs: readonly number[]; readonly tokens: readonly number[] };
  if (logprobs.length !== tokens.length) fail(`${path}.tokens`, "as long as logprobs", tokens.length);
  if (tokens.every((scored) => scored === 0)) fail(`${path}.tokens`, "at least one token", tokens);
};
const consistencySample = object(
  { ...sampled, tokens: count, divergence: logprob, agreed: whole(0), logprob, exactLogprob: logprob },
  { ...usedFactor, seconds: amount, exactSeconds: amount },
);
const speedSample = object(
  { ...sampled, prefillRate: amount, decodeRate: amount },
  { ...usedFactor, cacheBytes: amount, refused: isTrue, untimed: isTrue },
);

const cell = bySuite({
  passkey: accuracyCell,
  retrieval: accuracyCell,
  perplexity: perplexityCell,
  consistency: consistencyCell,
  speed: speedCell,
});
const sample = bySuite({
  passkey: accuracySample,
  retrieval: accuracySample,
  perplexity: perplexitySample,
  consistency: consistencySample,
  speed: speedSample,
});

const subject = object(
  { kind: oneOf(["model", "endpoint"]), name, nativeWindow: length, originalWindow: length },
  {
    ...{ url: name, declared: name, family: name, weights: name, cache: name, backend: name },
    lengths: oneOf(["server", "local", "estimated"]),
    rotary: object({ headDim: whole(2, 2 ** 16), ropeTheta: number(1, 1e300) }),
  },
);

const settings = object(
  {
    skein: name,
    suites: list(oneOf(suites)),
    methods: list(object({ name, factor: number(1, 2 ** 20) })),
    lengths: list(length),
    samples: count,
    seed: whole(0),
    share: count,
    text: object({ name, hash: name, characters: whole(0) }, { tokens: whole(0) }),
    command: list(text),
    machine: object({ processor: name, cores: whole(0) }, { threads: whole(0) }),
  },
  { tasks: list(name) },
);

const reason: Check = (value, path) => {
  object({ code: name, values: object({}) })(value, path);
  const { values } = value as { readonly values: Readonly<Record<string, unknown>> };
  for (const [key, entry] of Object.entries(values)) {
    (typeof entry === "number" ? number(-1e300, 1e300) : name)(entry, `${path}.values.${key}`);
  }
};

const checkResult = object(
  {
    subject,
    settings,
    cells: list(cell, mostCells),
    samples: list(sample),
    omitted: list(object({ suite: oneOf(suites), length }, { task: name }), mostCells),
    seconds: amount,
  },
  {
    date: name,
    behaviour: object({
      kind: oneOf(["limited", "unscaled", "static", "dynamic", "scaled", "unclear"]),
      reasons: list(reason),
    }),
  },
);

function bySuite(checks: Readonly<Record<EvaluationResult["cells"][number]["suite"], Check>>): Check {
  return (value, path) => {
    object({ suite: oneOf(suites) })(value, path);
    checks[(value as { readonly suite: keyof typeof checks }).suite](value, path);
  };
}

/** Two cells of one place would contradict each other. */
function refuseTwice({ cells }: EvaluationResult): void {
  const seen = new Map<string, number>();
  for (const [i, entry] of cells.entries()) {
    const key = JSON.stringify([entry.suite, entry.task, nameMethod(entry), entry.length]);
    const other = seen.get(key);
    if (other !== undefined) fail(`cells[${i}]`, `another than that of cells[${other}]`, key);
    seen.set(key, i);
  }
}
