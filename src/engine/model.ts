import { platform } from "#platform";
import type { CacheLayout } from "../backend/backend.ts";
import { SnapshotReader } from "../cache/snapshot.ts";
import { readContextOptions } from "../context/options.ts";
import type { ContextSettings } from "../context/settings.ts";
import { checkFlag, checkWhole, InvalidOptionError, SkeinError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import type { ChatMessages } from "../text/chat-input.ts";
import type { WorkerClient } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { takeGenerateOptions, toTokens } from "./generate-call.ts";
import { Generation } from "./generation.ts";
import type { EngineMethods, EngineStatistics, LoadedFacts, SessionId } from "./methods.ts";
import type { ModelParts } from "./model-parts.ts";
import type {
  AdapterFacts,
  AdapterOptions,
  ChatTemplateOptions,
  GenerateOptions,
  LoadOptions,
  SessionOptions,
  Warning,
} from "./options.ts";
import { orAborted } from "./or-aborted.ts";
import { checkAdapterName, resolveAdapter, sendAdapter } from "./send-adapter.ts";
import { Session } from "./session.ts";
import { parseSnapshotHeader } from "./snapshot-header.ts";
import type { ModelSource } from "./source.ts";
import type { TextClient } from "./text-client.ts";

/** A loaded model. It computes in workers of its own; the caller's thread is never blocked. */
export class Model implements AsyncDisposable {
  readonly #parts: ModelParts;
  readonly #facts: LoadedFacts;
  readonly #adapters: Map<string, AdapterFacts>;
  readonly #onWarning: (warning: Warning) => void;
  #ending: Promise<void> | undefined;

  /** @internal Made by {@link loadModel}. */
  constructor(
    engine: WorkerClient<EngineMethods>,
    text: TextClient,
    facts: LoadedFacts,
    onWarning: (warning: Warning) => void,
  ) {
    const abandoned = new FinalizationRegistry<SessionId>((session) => {
      if (!engine.closed) engine.call("release", { session }).catch(() => {});
    });
    this.#parts = { engine, text, defaults: facts.defaults, abandoned };
    this.#facts = facts;
    this.#adapters = new Map(facts.adapters.map((adapter) => [adapter.name, adapter]));
    this.#onWarning = onWarning;
  }

  /** The configuration, with Hugging Face's names. */
  get config(): ModelConfig {
    return this.#facts.config;
  }

  /** The windows, in tokens, and what else the model's context was resolved to. */
  get context(): ContextSettings {
    return this.#facts.context;
  }

  /** Sampling defaults and end tokens of the model's `generation_config.json`. */
  get generationDefaults(): GenerationDefaults {
    return this.#facts.defaults;
  }

  /** What was odd when the model was loaded. */
  get warnings(): readonly Warning[] {
    return this.#facts.warnings;
  }

  /** The adapters that are loaded, by their names. */
  get adapters(): ReadonlyMap<string, AdapterFacts> {
    return this.#adapters;
  }

  /**
   * Loads one more adapter, between the steps of what is running.
   *
   * @param name - a new one, by which sessions and requests choose it
   * @throws SkeinError: `not_found`, `invalid_checkpoint`, `unsupported`, `out_of_memory`, ...; InvalidConfigError; InvalidOptionError; the signal's reason
   *
   * @example
   * await model.loadAdapter("law", { source: "./law-lora", window: 65536, factor: 2 });
   */
  async loadAdapter(
    name: string,
    adapter: ModelSource | AdapterOptions,
    options: Pick<LoadOptions, "download" | "signal" | "onProgress"> = {},
  ): Promise<AdapterFacts> {
    checkOptions(options);
    const { download, signal, onProgress } = options;
    const resolving = { download, signal, onProgress, onWarning: this.#onWarning };
    const { call, transfer, stop } = sendAdapter(name, await resolveAdapter(adapter, resolving));
    try {
      const { facts, warnings } = await this.#parts.engine.call("loadAdapter", call, { signal, transfer });
      this.#adapters.set(name, facts);
      try {
        for (const warning of warnings) this.#onWarning(warning);
      } catch (error) {
        await this.unloadAdapter(name).catch(() => {}); // it stays, and is listed, where the listener uses it
        throw error;
      }
      return facts;
    } finally {
      stop();
    }
  }

  /**
   * Frees an adapter's memory.
   *
   * @throws InvalidOptionError when there is none of this name, or a session or an answer uses it
   */
  async unloadAdapter(name: string): Promise<void> {
    checkAdapterName(name);
    await this.#parts.engine.call("unloadAdapter", { name });
    this.#adapters.delete(name);
  }

  /**
   * @param specialTokens - whether control tokens in the text are parsed (default), or taken as the letters they are written with
   * @param continues - whether it is added to other tokens, so that nothing is put before it
   */
  async tokenize(
    text: string,
    options: {
      readonly specialTokens?: boolean | undefined;
      readonly continues?: boolean | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<Uint32Array> {
    if (typeof text !== "string") throw new InvalidOptionError("text", "must be a text");
    checkOptions(options);
    const { specialTokens = true, continues = false, signal } = options;
    checkFlag("specialTokens", specialTokens);
    checkFlag("continues", continues);
    return this.#parts.text.encode({ text, specialTokens, continues }, signal);
  }

  async detokenize(
    tokens: ArrayLike<number>,
    options: { readonly skipSpecialTokens?: boolean | undefined } = {},
  ): Promise<string> {
    checkOptions(options as object);
    const { skipSpecialTokens = false } = options;
    checkFlag("skipSpecialTokens", skipSpecialTokens);
    const call = { tokens: toTokens(tokens), skipSpecialTokens, modelVocabulary: this.config.vocab_size };
    return this.#parts.text.decode(call);
  }

  /**
   * The text that the model's chat template makes of a conversation. To compute it, ask for the tokens (`tokenize: true`): in the text, control
   * tokens that a user typed cannot be told from the template's.
   *
   * @throws SkeinError (codes `no_chat_template`, `template_error`, `template_timeout`, `template_memory`)
   */
  async applyChatTemplate(
    messages: ChatMessages,
    options: ChatTemplateOptions & { readonly tokenize: true },
  ): Promise<Uint32Array>;
  async applyChatTemplate(
    messages: ChatMessages,
    options?: ChatTemplateOptions & { readonly tokenize?: false | undefined },
  ): Promise<string>;
  async applyChatTemplate(messages: ChatMessages, options?: ChatTemplateOptions): Promise<string | Uint32Array>;
  async applyChatTemplate(messages: ChatMessages, options: ChatTemplateOptions = {}): Promise<string | Uint32Array> {
    checkOptions(options);
    const { tools, templateArguments, addGenerationPrompt = true, tokenize = false, signal } = options;
    checkFlag("addGenerationPrompt", addGenerationPrompt);
    checkFlag("tokenize", tokenize);
    const call = { messages, tools, templateArguments, addGenerationPrompt };
    return tokenize ? this.#parts.text.encodeChat(call, signal) : this.#parts.text.renderChat(call, signal);
  }

  /**
   * Answers a prompt in a sequence of its own.
   *
   * @throws (from the loop or the result) ContextLengthError before anything is computed when prompt and `maxTokens` do not fit, or at the token
   * where an answer without `maxTokens` reaches the end of the window; InvalidOptionError; the signal's reason
   *
   * @example
   * const { text, factor } = await model.generate({ prompt: document + question, maxTokens: 100 }).result();
   */
  generate(options: GenerateOptions): Generation {
    return new Generation(async (signal, onEvent) => {
      const call = await takeGenerateOptions(options, this.#parts)(undefined, signal);
      return this.#parts.engine.call("generate", call, {
        signal,
        onEvent: (event) => {
          if (event.type === "progress") options.onProgress?.(event.progress);
          onEvent(event);
        },
      });
    }, options);
  }

  /** @throws ContextLengthError when `plannedTokens` are more than the window has; InvalidOptionError, also for an adapter that is not loaded */
  async createSession(options: SessionOptions = {}): Promise<Session> {
    checkOptions(options as object);
    const { plannedTokens, context = {}, adapter } = options;
    checkWhole("plannedTokens", plannedTokens, 1, Number.MAX_SAFE_INTEGER);
    if (adapter !== undefined) checkAdapterName(adapter);
    const call = { plannedTokens, context: readContextOptions(context), adapter };
    const { session, ...state } = await this.#parts.engine.call("createSession", call);
    return new Session(this.#parts, session, state);
  }

  /**
   * Goes on with a session that {@link Session.save} wrote, at the encoding that it had.
   *
   * @throws SkeinError: `invalid_snapshot` for a file that is damaged or none, `snapshot_mismatch` for one of another model, adapter, cache type or
   * factor, `not_found`, `read_failed`, `unsupported` on a page without https; the signal's reason
   */
  async restoreSession(
    source: string | Blob,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Session> {
    checkOptions(options);
    if (typeof source !== "string" && !(source instanceof Blob))
      throw new InvalidOptionError("source", "must be a path or a Blob");
    const { signal } = options;
    signal?.throwIfAborted();
    const blob = typeof source === "string" ? await platform.openFile(source) : source;
    const name = typeof source === "string" ? source : source instanceof File ? source.name : undefined;
    try {
      return await this.#restore(blob, signal);
    } catch (error) {
      throw inSnapshot(error, name);
    }
  }

  async #restore(blob: Blob, signal: AbortSignal | undefined): Promise<Session> {
    const { reader, header: json } = await SnapshotReader.open(blob);
    const header = parseSnapshotHeader(json);
    const tokens = header.length === 0 ? new Uint8Array() : await reader.next(header.length * 4);
    if (tokens.length !== header.length * 4)
      throw new SkeinError("invalid_snapshot", "this saved session is damaged: tokens are missing");
    const { engine } = this.#parts;
    const restoring = engine.call("restoreSession", { header, tokens: new Uint32Array(tokens.buffer) });
    try {
      // The first of a model reads all its weights.
      const { session, ...state } = await orAborted(restoring, signal);
      const { blockTokens } = header.layout;
      for (let block = 0; block * blockTokens < header.cached; block++) {
        signal?.throwIfAborted();
        const count = Math.min(blockTokens, header.cached - block * blockTokens);
        const bytes = await reader.next(mostBlockBytes(header.layout, count));
        const call = { session, block, total: header.cached, bytes };
        await engine.call("importBlock", call, { transfer: [bytes.buffer] });
      }
      await reader.end();
      signal?.throwIfAborted();
      return new Session(this.#parts, session, state);
    } catch (error) {
      // Also one that comes when nobody waits for it any more.
      restoring.then(({ session }) => engine.call("release", { session })).catch(() => {});
      throw error;
    }
  }

  /** What the model holds and has done: sessions, cache blocks and bytes in use, steps computed and rows in them. */
  statistics(): Promise<EngineStatistics> {
    return this.#parts.engine.call("statistics", undefined);
  }

  /**
   * Ends the model's workers and frees its memory; calls that are running are rejected. Repacked weights that are still on their way to the disk's cache
   * get there first.
   */
  dispose(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    const reason = new SkeinError("disposed", "this model was disposed of");
    this.#parts.text.close(reason);
    await this.#parts.engine.closeAfter("finish", undefined, reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** An error of a saved session says which file it is; an option that cannot be is none of the caller's. */
function inSnapshot(error: unknown, name: string | undefined): unknown {
  if (!(error instanceof SkeinError)) return error;
  const isOption = error instanceof InvalidOptionError;
  if (!isOption && !["invalid_snapshot", "snapshot_mismatch", "read_failed"].includes(error.code)) return error;
  const message = isOption ? `this saved session is damaged: ${error.message}` : error.message;
  const code = isOption ? "invalid_snapshot" : error.code;
  return new SkeinError(code, name === undefined ? message : `${name}: ${message}`, { cause: error });
}

/** The most bytes that a block of a saved session takes: numbers of 32 bits, of heads that are padded. The engine knows exactly. */
function mostBlockBytes({ layers, keyValueHeads, headDim }: CacheLayout, tokens: number): number {
  return layers * 2 * keyValueHeads * (tokens * 4 * Math.ceil(headDim / 16) * 16 + 2048);
}
