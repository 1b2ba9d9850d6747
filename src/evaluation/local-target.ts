import { InvalidOptionError, type LoadOptions, loadModel, type Model, type ModelConfig } from "../index.ts";
import { readRotaryParameters } from "../position/index.ts";
import { answerSharing } from "./answer-sharing.ts";
import type { Method } from "./method.ts";
import type { Subject } from "./result.ts";
import type { Answer, AnswerRequest, ScoreRequest, Scores, Setup, Target, Way } from "./target.ts";

/** A model at hand, and what only such a model is asked. */
export interface LocalTarget extends Target {
  /** The tokens of a text as a prompt is read, with what the tokenizer puts around it. */
  tokenizePrompt(text: string): Promise<Uint32Array>;
}

/** How many sequences are read at once: what the engine puts into one step. */
const concurrency = 4;

export interface LocalOptions extends Pick<LoadOptions, "weights" | "embeddings" | "backend" | "threads" | "download"> {
  /** What it is called in the result. */
  readonly name: string;
  readonly methods: readonly Method[];
  readonly cache: Setup["cache"];
  readonly nativeWindow?: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: LoadOptions["onProgress"];
  readonly onWarning?: LoadOptions["onWarning"];
}

/**
 * A model that Skein loads, once for each way of extending it that is compared, under `allowBeyondWindow`.
 *
 * @param source - a folder, GGUF file or Hub id
 * @throws what {@link loadModel} throws
 */
export async function openLocalTarget(source: string, options: LocalOptions): Promise<LocalTarget> {
  const target = new LoadedTarget(source, options);
  const first = options.methods.find(({ extend }) => extend !== "none");
  await target.prepare([{ extend: first?.extend ?? "none", cache: options.cache }], options.signal);
  return target;
}

class LoadedTarget implements LocalTarget {
  readonly concurrency = concurrency;
  readonly #source: string;
  readonly #options: LocalOptions;
  readonly #models = new Map<string, { readonly setup: Setup; readonly model: Model }>();
  #subject: Subject | undefined;

  constructor(source: string, options: LocalOptions) {
    this.#source = source;
    this.#options = options;
  }

  get subject(): Subject {
    return this.#subject!;
  }

  async countTokens(text: string): Promise<number> {
    return (await this.tokenizePrompt(text)).length;
  }

  async tokenize(text: string): Promise<Uint32Array> {
    const [tokens, around] = await Promise.all([this.tokenizePrompt(text), this.tokenizePrompt("")]);
    let before = 0;
    while (before < around.length && tokens[before] === around[before]) before++;
    return tokens.subarray(before, tokens.length - (around.length - before));
  }

  /** Control tokens in the text are letters: it is somebody's file. */
  tokenizePrompt(text: string): Promise<Uint32Array> {
    return this.#any().tokenize(text, { specialTokens: false });
  }

  async answer({ way, prompts, maxTokens, length, signal, onTokens }: AnswerRequest): Promise<readonly Answer[]> {
    const { method, model } = this.#computing(way);
    const tokens = await Promise.all(prompts.map((prompt) => this.tokenizePrompt(prompt)));
    return answerSharing(model, tokens, { context: method.context, maxTokens, length, signal, onTokens });
  }

  async score({ way, tokens, signal, onTokens }: ScoreRequest): Promise<Scores> {
    const { method, model } = this.#computing(way);
    await using session = await model.createSession({ plannedTokens: tokens.length, context: method.context });
    const { logprobs } = await session.append(tokens, {
      logprobs: true,
      signal,
      onProgress: ({ completed }) => onTokens?.(completed),
    });
    return { logprobs: logprobs!, factor: session.factor };
  }

  async prepare(setups: readonly Setup[], signal: AbortSignal): Promise<void> {
    const wanted = new Map(setups.map((setup) => [keyOf(setup), setup]));
    for (const [key, { model }] of this.#models) {
      if (wanted.has(key) || wanted.size === 0) continue;
      this.#models.delete(key);
      await model.dispose();
    }
    for (const [key, setup] of wanted) {
      if (this.#models.has(key)) continue;
      const model = await this.#load(setup, signal);
      this.#models.set(key, { setup, model });
      this.#subject ??= describe(model, this.#options);
    }
  }

  model(setup: Setup): Model {
    return this.#models.get(keyOf(setup))!.model;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const models = [...this.#models.values()];
    this.#models.clear();
    await Promise.all(models.map(({ model }) => model.dispose()));
  }

  async #load({ extend, cache }: Setup, signal: AbortSignal): Promise<Model> {
    const { methods, nativeWindow, weights, embeddings, backend, threads, download, onProgress, onWarning } =
      this.#options;
    const factors = methods.filter((method) => method.extend === extend).map(({ factor }) => factor);
    const factor = extend === "none" ? {} : { factor: Math.max(...factors, 1) };
    const loading = loadModel(this.#source, {
      weights,
      embeddings,
      backend,
      threads,
      cache,
      context: { extend, ...factor, nativeWindow, allowBeyondWindow: true },
      download,
      signal,
      onProgress,
      onWarning,
    });
    const model = await loading.catch((error: unknown) => {
      if (!(error instanceof InvalidOptionError && error.option === "context.extend")) throw error;
      throw onlyAsItIs(error.message.slice(error.option.length + 2));
    });
    if (extend === "none" || model.context.method === extend) return model;
    await model.dispose();
    throw onlyAsItIs(`this model was trained with ${extend} scaling, which is on at every length`);
  }

  #any(): Model {
    return [...this.#models.values()][0]!.model;
  }

  #computing(way: Way): { readonly method: Method; readonly model: Model } {
    const method = this.#options.methods.find(({ name, factor }) => name === way.name && factor === way.factor)!;
    const loaded = [...this.#models.values()];
    const found = loaded.find(({ setup }) => setup.extend === method.extend);
    return { method, model: (found ?? loaded[0]!).model }; // without scaling any does that is loaded for it
  }
}

/** What a model was trained with is one way, which stands beside no other. */
function onlyAsItIs(reason: string): InvalidOptionError {
  return new InvalidOptionError("methods", `${reason}; give none alone, which measures it as it is`);
}

function keyOf({ extend, cache }: Setup): string {
  return `${extend}/${cache}`;
}

function describe(model: Model, { name, weights, cache, backend }: LocalOptions): Subject {
  const { context, config } = model;
  return {
    kind: "model",
    name,
    nativeWindow: context.nativeWindow,
    originalWindow: context.originalWindow,
    declared: context.declared,
    family: config.model_type,
    ...(hasUsualPairs(config) && { rotary: { headDim: config.head_dim, ropeTheta: config.rope_theta } }),
    weights: weights ?? "as in the files",
    cache,
    backend: backend ?? "auto",
  };
}

/** Whether head dimension and base say which pairs YaRN stretches: a block of the model's own may say otherwise. */
function hasUsualPairs(config: ModelConfig): boolean {
  const parameters = readRotaryParameters(config);
  if (parameters.method !== "yarn") return parameters.method === "default";
  return parameters.betaFast === 32 && parameters.betaSlow === 1 && parameters.truncate;
}
