import { InvalidOptionError, SkeinError } from "../errors.ts";
import type { TokenTable } from "../text/token-table.ts";
import { type CallOptions, WorkerClient, type WorkerHandle } from "./channel.ts";
import type { ChatCall, TextMethods } from "./methods.ts";
import { type ModelSource, sendSource } from "./source.ts";

/** How long a chat template may run. It comes from the checkpoint: one that never ends must not take the model with it. */
const templateMilliseconds = 5000;

/** The text worker of a model: tokenizer and chat template. When it has to be stopped, the next call starts another. */
export class TextClient {
  readonly #spawn: () => WorkerHandle;
  readonly #source: ModelSource;
  #client: WorkerClient<TextMethods> | undefined;
  #loading: Promise<WorkerClient<TextMethods>> | undefined;
  #table: TokenTable | undefined;
  #disposed: SkeinError | undefined;

  constructor(spawn: () => WorkerHandle, source: ModelSource) {
    this.#spawn = spawn;
    this.#source = source;
  }

  /**
   * Loads the tokenizer.
   * @returns what a streaming detokenizer needs; undefined when the checkpoint has no tokenizer
   */
  async load(signal?: AbortSignal): Promise<TokenTable | undefined> {
    await this.#ready(signal);
    return this.#table;
  }

  async encode(text: string, specialTokens: boolean, signal?: AbortSignal): Promise<Uint32Array> {
    const client = await orAborted(this.#ready(), signal);
    return client.call("encode", { text, specialTokens }, { signal, abandon: true });
  }

  async decode(tokens: Uint32Array, skipSpecialTokens: boolean): Promise<string> {
    return (await this.#ready()).call("decode", { tokens, skipSpecialTokens });
  }

  encodeChat(call: ChatCall, signal?: AbortSignal): Promise<Uint32Array> {
    return this.#withTemplate((client, options) => client.call("encodeChat", call, options), signal);
  }

  renderChat(call: ChatCall, signal?: AbortSignal): Promise<string> {
    return this.#withTemplate((client, options) => client.call("renderChat", call, options), signal);
  }

  close(reason: SkeinError): void {
    this.#disposed = reason;
    this.#client?.close(reason);
  }

  async #withTemplate<T>(
    run: (client: WorkerClient<TextMethods>, options: CallOptions<"rendering" | "rendered">) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const client = await orAborted(this.#ready(), signal);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onEvent = (event: "rendering" | "rendered"): void => {
      clearTimeout(timer);
      timer = event === "rendering" ? setTimeout(() => client.close(tooLong()), templateMilliseconds) : undefined;
    };
    try {
      return await run(client, { signal, onEvent, abandon: true });
    } catch (error) {
      // Abandoned while a template runs: its worker is of no use until that ends, if it ever does.
      if (signal?.aborted && timer !== undefined && !client.closed) client.close(tooLong());
      if (error instanceof DOMException && error.name === "DataCloneError") {
        throw new InvalidOptionError(
          "messages",
          `with tools and templateArguments, must be plain data: ${error.message}`,
        );
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #ready(signal?: AbortSignal): Promise<WorkerClient<TextMethods>> {
    if (this.#disposed) throw this.#disposed;
    if (this.#loading && !this.#client?.closed) return this.#loading;
    const client = new WorkerClient<TextMethods>(this.#spawn());
    this.#client = client;
    this.#loading = this.#load(client, signal);
    return this.#loading;
  }

  async #load(client: WorkerClient<TextMethods>, signal: AbortSignal | undefined): Promise<WorkerClient<TextMethods>> {
    const { description, transfer, stop } = sendSource(this.#source);
    try {
      const { table } = await client.call("load", { source: description }, { signal, abandon: true, transfer });
      this.#table = table;
      return client;
    } finally {
      stop();
    }
  }
}

/** Waits for work that goes on when the signal aborts. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener("abort", stop);
  }
}

function tooLong(): SkeinError {
  return new SkeinError(
    "template_timeout",
    `the chat template ran for more than ${templateMilliseconds / 1000} seconds and was stopped`,
  );
}
