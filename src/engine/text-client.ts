import { InvalidOptionError, SkeinError } from "../errors.ts";
import type { TokenTable } from "../text/token-table.ts";
import { type CallOptions, WorkerClient, type WorkerHandle } from "./channel.ts";
import type { ChatCall, TextMethods } from "./methods.ts";
import { orAborted } from "./or-aborted.ts";
import { type ModelSource, sendSource } from "./source.ts";

/** How long a chat template may run. It comes from the checkpoint: one that never ends must not take the model with it. */
const templateMilliseconds = 5000;
const mostAttempts = 3;

type TextCallOptions = CallOptions<"rendering" | "rendered">;

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

  encode(text: string, specialTokens: boolean, signal?: AbortSignal): Promise<Uint32Array> {
    return this.#run((client, options) => client.call("encode", { text, specialTokens }, options), signal);
  }

  decode(tokens: Uint32Array, skipSpecialTokens: boolean): Promise<string> {
    return this.#run((client, options) => client.call("decode", { tokens, skipSpecialTokens }, options));
  }

  encodeChat(call: ChatCall, signal?: AbortSignal): Promise<Uint32Array> {
    return this.#run((client, options) => client.call("encodeChat", call, options), signal);
  }

  renderChat(call: ChatCall, signal?: AbortSignal): Promise<string> {
    return this.#run((client, options) => client.call("renderChat", call, options), signal);
  }

  close(reason: SkeinError): void {
    this.#disposed = reason;
    this.#client?.close(reason);
  }

  /** Makes a call. One that only waited behind a template which had to be stopped is made again, on the next worker. */
  async #run<T>(
    run: (client: WorkerClient<TextMethods>, options: TextCallOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const client = await orAborted(this.#ready(), signal);
      let timer: ReturnType<typeof setTimeout> | undefined;
      let wasTooLong = false;
      const stop = (): void => {
        wasTooLong = true;
        client.close(tooLong());
      };
      const onEvent = (event: "rendering" | "rendered"): void => {
        clearTimeout(timer);
        if (event === "rendering") timer = setTimeout(stop, templateMilliseconds);
      };
      try {
        return await run(client, { signal, onEvent, abandon: true });
      } catch (error) {
        if (signal?.aborted) this.#watch(client);
        if (error instanceof DOMException && error.name === "DataCloneError") {
          throw new InvalidOptionError(
            "messages",
            `with tools and templateArguments, must be plain data: ${error.message}`,
          );
        }
        const wasStopped = error instanceof SkeinError && error.code === "template_timeout";
        if (!wasStopped || wasTooLong || signal?.aborted || attempt === mostAttempts) throw error;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  /** After a call was abandoned: a worker that does not answer in time is ended, so that others need not wait for what nobody wants. */
  #watch(client: WorkerClient<TextMethods>): void {
    if (client.closed) return;
    const timer = setTimeout(() => client.close(tooLong()), templateMilliseconds);
    client
      .call("ping", undefined)
      .catch(() => {})
      .finally(() => clearTimeout(timer));
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
    } catch (error) {
      client.close(new SkeinError("worker_failed", "the tokenizer could not be loaded")); // the next call tries again
      throw error;
    } finally {
      stop();
    }
  }
}

function tooLong(): SkeinError {
  return new SkeinError(
    "template_timeout",
    `the chat template, or a tokenizer nobody waited for, ran for more than ${templateMilliseconds / 1000} seconds and was stopped`,
  );
}
