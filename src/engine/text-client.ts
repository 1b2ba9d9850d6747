import { SkeinError } from "../errors.ts";
import type { TokenTable } from "../text/token-table.ts";
import { WorkerClient, type WorkerHandle } from "./channel.ts";
import { eitherSignal } from "./either-signal.ts";
import type { ChatCall, RenderCall, TextMethods } from "./methods.ts";
import { orAborted } from "./or-aborted.ts";
import type { Workers } from "./platform.ts";
import { type CheckedSource, sendSource } from "./source.ts";
import { copyPlainData, TemplateClient } from "./template-client.ts";

/**
 * How long a tokenizer may take, which a file describes: ten times longer than the slowest texts take Qwen's (long runs of spaces: 8 seconds a million), and than Qwen's takes
 * to be built.
 */
const mostMilliseconds = 30_000;
const mostMillisecondsPerCharacter = 0.08;

/** How long a call that nobody waits for may take. */
const abandonedMilliseconds = 5000;
const mostAttempts = 3;

/** Makes a call, and tells when the worker begins with it. */
type TextCall<T> = (client: WorkerClient<TextMethods>, options: { readonly onEvent: () => void }) => Promise<T>;

/** The text of a model: a worker that has its tokenizer, and what renders its chat template. When one of them has to be stopped, the next call starts another. */
export class TextClient {
  readonly #spawn: () => WorkerHandle;
  readonly #source: CheckedSource;
  readonly #templates: TemplateClient;
  #client: WorkerClient<TextMethods> | undefined;
  #loading: Promise<WorkerClient<TextMethods>> | undefined;
  #table: TokenTable | undefined;
  #disposed: SkeinError | undefined;

  constructor(
    { spawnTextWorker, spawnTemplateWorker }: Pick<Workers, "spawnTextWorker" | "spawnTemplateWorker">,
    source: CheckedSource,
  ) {
    this.#spawn = spawnTextWorker;
    this.#source = source;
    this.#templates = new TemplateClient(spawnTemplateWorker);
  }

  /**
   * Loads the tokenizer.
   * @returns what a streaming detokenizer needs; undefined when the checkpoint has no tokenizer
   */
  async load(signal?: AbortSignal): Promise<TokenTable | undefined> {
    await this.#ready(signal);
    return this.#table;
  }

  encode(call: TextMethods["encode"]["params"], signal?: AbortSignal): Promise<Uint32Array> {
    return this.#run((client, options) => client.call("encode", call, options), call.text.length, signal);
  }

  decode(call: TextMethods["decode"]["params"]): Promise<string> {
    return this.#run((client, options) => client.call("decode", call, options), call.tokens.length);
  }

  async encodeChat(call: ChatCall, signal?: AbortSignal): Promise<Uint32Array> {
    const pieces = await this.#templates.renderPieces(await this.#withTemplate(call, signal), signal);
    const characters = pieces.reduce((sum, { content }) => sum + content.length, 0);
    return this.#run((client, options) => client.call("encodePieces", pieces, options), characters, signal);
  }

  async renderChat(call: ChatCall, signal?: AbortSignal): Promise<string> {
    return this.#templates.renderText(await this.#withTemplate(call, signal), signal);
  }

  close(reason: SkeinError): void {
    this.#disposed = reason;
    this.#client?.close(reason);
    this.#templates.close(reason);
  }

  async #withTemplate(call: ChatCall, signal: AbortSignal | undefined): Promise<RenderCall> {
    const taken = copyPlainData(call);
    const tools = (taken.tools ?? null) !== null;
    const template = await this.#run((client) => client.call("selectTemplate", { tools }), 0, signal);
    return { ...taken, template };
  }

  /** Makes a call. One that only waited behind another which had to be stopped is made again, on the next worker. */
  async #run<T>(run: TextCall<T>, characters: number, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const client = await orAborted(this.#ready(), signal);
      const deadline = stopAfter(client, mostMilliseconds + characters * mostMillisecondsPerCharacter);
      try {
        return await orAborted(run(client, { onEvent: deadline.start }).finally(deadline.clear), signal);
      } catch (error) {
        // Others need not wait for what nobody wants; but until it is begun, it holds up nobody.
        if (signal?.aborted) deadline.abandon();
        const wasStopped = error instanceof SkeinError && error.code === "tokenizer_timeout";
        if (!wasStopped || deadline.isOver() || attempt === mostAttempts) throw error;
      }
    }
  }

  #ready(signal?: AbortSignal): Promise<WorkerClient<TextMethods>> {
    if (this.#disposed) throw this.#disposed;
    if (this.#loading && !this.#client?.closed) return this.#loading;
    const client = new WorkerClient<TextMethods>(this.#spawn());
    this.#client = client;
    this.#loading = this.#load(client, signal);
    this.#loading.catch(() => {}); // who asked for it may have gone
    return this.#loading;
  }

  async #load(client: WorkerClient<TextMethods>, signal: AbortSignal | undefined): Promise<WorkerClient<TextMethods>> {
    const { description, transfer, failed, stop } = sendSource(this.#source);
    const deadline = stopAfter(client, mostMilliseconds);
    try {
      const { table } = await client.call(
        "load",
        { source: description },
        { signal: eitherSignal(signal, failed), onEvent: deadline.start, abandon: true, transfer },
      );
      this.#table = table;
      return client;
    } catch (error) {
      client.close(new SkeinError("worker_failed", "the tokenizer could not be loaded")); // the next call tries again
      throw error;
    } finally {
      deadline.clear();
      stop();
    }
  }
}

interface Deadline {
  readonly start: () => void;
  readonly clear: () => void;
  /** Nobody waits any more: the time that is left, from now or from the beginning on, is that of an abandoned call. */
  readonly abandon: () => void;
  readonly isOver: () => boolean;
}

/** Ends a worker that takes longer than it may, from the beginning of a call on. */
function stopAfter(client: WorkerClient<TextMethods>, milliseconds: number): Deadline {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const start = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isOver = true;
      client.close(tooLong(milliseconds));
    }, milliseconds);
  };
  return {
    start,
    clear: () => {
      clearTimeout(timer);
      timer = undefined;
    },
    abandon: () => {
      milliseconds = abandonedMilliseconds;
      if (timer) start();
    },
    isOver: () => isOver,
  };
}

function tooLong(milliseconds: number): SkeinError {
  return new SkeinError(
    "tokenizer_timeout",
    `the tokenizer (tokenizer.json) worked for more than ${Math.round(milliseconds / 1000)} seconds on one text and was stopped; is it that of this model? Tokens can be given in the place of text`,
  );
}
