import { platform } from "#platform";
import { checkDigest, encodeSnapshot } from "../cache/snapshot.ts";
import { checkFlag, checkOption, InvalidOptionError, SkeinError, show } from "../errors.ts";
import { checkOptions } from "./check-options.ts";
import { takeGenerateOptions, toTokens } from "./generate-call.ts";
import { Generation } from "./generation.ts";
import type { SessionId, SessionState } from "./methods.ts";
import type { ModelParts } from "./model-parts.ts";
import type { AppendOptions, AppendResult, GenerateOptions } from "./options.ts";
import { writeAll } from "./write-all.ts";

/**
 * A token stream with its cache: a conversation, or a document that is read once and asked many times. Its calls are carried out one after the
 * other, in the order in which they were made.
 */
export class Session implements AsyncDisposable {
  readonly #parts: ModelParts;
  readonly #id: SessionId;
  #state: SessionState;
  #last: Promise<unknown> = Promise.resolve();
  readonly #disposal = new AbortController();
  #ending: Promise<void> | undefined;
  /** The name of the adapter that the session has. */
  readonly adapter: string | undefined;

  /** @internal Made by {@link Model.createSession}. */
  constructor(parts: ModelParts, id: SessionId, state: SessionState) {
    this.#parts = parts;
    this.#id = id;
    this.#state = state;
    this.adapter = state.adapter;
    parts.abandoned.register(this, id, this);
  }

  /** Tokens in the session. */
  get length(): number {
    return this.#state.length;
  }

  /** The factor by which its window is stretched; 1 = native. */
  get factor(): number {
    return this.#state.factor;
  }

  /**
   * Adds tokens and computes them. When it fails or is aborted, the session has the tokens that it had before.
   *
   * @throws ContextLengthError when they do not fit, before any is computed
   * @throws InvalidOptionError for numbers that are no tokens, or logits above 1 GiB
   */
  async append(tokens: ArrayLike<number>, options: AppendOptions = {}): Promise<AppendResult> {
    checkOptions(options);
    const { logits = "none", logprobs = false, onProgress } = options;
    // Taken now: whose buffer it is may fill it again while the call waits.
    const call = { session: this.#id, tokens: toTokens(tokens), logits, logprobs };
    return this.#inTurn(async (signal) => {
      checkOption("logits", logits, ["none", "last", "all"].includes(logits), '"none", "last" or "all"');
      checkFlag("logprobs", logprobs);
      const before = this.#state.length;
      const { engine } = this.#parts;
      try {
        const { length, factor, ...result } = await engine.call("append", call, { signal, onEvent: onProgress });
        this.#state = { length, factor };
        return result;
      } catch (error) {
        // It may have been done before it heard that its listener threw.
        const isDone = !engine.closed && (await engine.call("state", { session: this.#id })).length > before;
        if (isDone) await engine.call("truncate", { session: this.#id, length: before });
        throw error;
      }
    }, options.signal);
  }

  /**
   * Answers. `messages` are the whole conversation: the longest common beginning with what the session has stays cached. `prompt` and `tokens`
   * are added to what it has; without any of them it goes on from there.
   *
   * @see {@link Model.generate}
   */
  generate(options: GenerateOptions = {}): Generation {
    return new Generation((outer, onEvent) => {
      const prepare = takeGenerateOptions(options, this.#parts); // as in append
      return this.#inTurn(async (signal) => {
        const before = this.#state.length;
        const call = await prepare({ id: this.#id, length: before }, signal);
        let made = 0;
        return this.#parts.engine.call("generate", call, {
          signal,
          onEvent: (event) => {
            if (event.type === "progress") options.onProgress?.(event.progress);
            else
              this.#state = {
                length: (call.replace ? 0 : before) + call.tokens.length + ++made,
                factor: event.factor,
              };
            onEvent(event);
          },
        });
      }, outer);
    }, options);
  }

  /** @returns a session with the same tokens; the cached blocks are shared until either changes them */
  fork(): Promise<Session> {
    return this.#inTurn(async () => {
      const { session, ...state } = await this.#parts.engine.call("fork", { session: this.#id });
      return new Session(this.#parts, session, state);
    });
  }

  /** Forgets the tokens from `length` on. */
  truncate(length: number): Promise<void> {
    return this.#inTurn(async () => {
      if (!Number.isSafeInteger(length) || length < 0 || length > this.length) {
        throw new InvalidOptionError("length", `must be a whole number from 0 to ${this.length}, not ${show(length)}`);
      }
      this.#state = await this.#parts.engine.call("truncate", { session: this.#id, length });
    });
  }

  /**
   * Saves tokens, keys and values, so that {@link Model.restoreSession} can go on without reading again. The file is written whole or not at
   * all; a stream is closed when all is written, and aborted otherwise.
   *
   * @throws SkeinError (code `write_failed`) with the path and the reason; (code `unsupported`) on a page without https
   */
  async save(
    target: string | WritableStream<Uint8Array>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    if (typeof target !== "string" && !(target instanceof WritableStream)) {
      throw new InvalidOptionError("target", "must be a path or a WritableStream");
    }
    try {
      checkOptions(options);
      checkDigest();
      await this.#inTurn(async (signal) => {
        // The first of a model reads all its weights, and changes nothing.
        const call = { signal, abandon: true };
        const { header, tokens } = await this.#parts.engine.call("exportSession", { session: this.#id }, call);
        const payloads = this.#payloads(tokens, Math.ceil(header.cached / header.layout.blockTokens));
        await writeAll(encodeSnapshot(header, payloads), target, platform.createFile, signal);
      }, options.signal);
    } catch (error) {
      // Nothing was written yet: whoever reads the other end would wait for ever.
      if (typeof target !== "string" && !target.locked) target.abort(error).catch(() => {});
      throw error;
    }
  }

  /** Frees the session's memory. Calls that run or wait are rejected (code `disposed`). */
  dispose(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#disposal.abort(new SkeinError("disposed", "this session was disposed of"));
    await this.#last;
    this.#parts.abandoned.unregister(this);
    const { engine } = this.#parts;
    await engine.call("release", { session: this.#id }).catch((error: unknown) => {
      if (!engine.closed) throw error; // else its memory is gone with the model's
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async *#payloads(tokens: Uint32Array<ArrayBuffer>, blocks: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield new Uint8Array(tokens.buffer);
    for (let block = 0; block < blocks; block++)
      yield await this.#parts.engine.call("exportBlock", { session: this.#id, block });
  }

  /**
   * One call after the other. A call that is aborted while it waits ends at once; after one that failed, the session's state is asked for.
   *
   * @param work - given a signal that also aborts when the session is disposed of
   */
  #inTurn<T>(work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
    const signal = outer ? AbortSignal.any([outer, this.#disposal.signal]) : this.#disposal.signal;
    if (signal.aborted) return Promise.reject(signal.reason);
    let hasBegun = false;
    const turn = this.#last.then(async () => {
      signal.throwIfAborted();
      hasBegun = true;
      try {
        return await work(signal);
      } catch (error) {
        if (!this.#parts.engine.closed) this.#state = await this.#parts.engine.call("state", { session: this.#id });
        throw error;
      }
    });
    this.#last = turn.catch(() => {});
    let stop: (() => void) | undefined;
    const abortedWhileWaiting = new Promise<never>((_, reject) => {
      stop = () => hasBegun || reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
    });
    return Promise.race([turn, abortedWhileWaiting]).finally(() => stop && signal.removeEventListener("abort", stop));
  }
}
