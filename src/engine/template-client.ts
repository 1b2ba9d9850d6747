import { InvalidOptionError, SkeinError } from "../errors.ts";
import type { ChatPiece } from "../text/chat-pieces.ts";
import { WorkerClient, type WorkerHandle } from "./channel.ts";
import type { RenderCall, TemplateMethods } from "./methods.ts";
import { orAborted } from "./or-aborted.ts";

/** How long a chat template may run: twenty times longer than Qwen's takes for a conversation of four million characters. */
const usualMilliseconds = 5000;

/**
 * Renders chat templates. They are programs, and come from the checkpoint: each runs where it can be thrown away, one after the other, with a deadline. What it runs in is
 * started when the first conversation comes, stays for the next ones, and is started anew after it had to be ended.
 */
export class TemplateClient {
  readonly #spawn: () => WorkerHandle;
  readonly #mostMilliseconds: number;
  #client: WorkerClient<TemplateMethods> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #disposed: SkeinError | undefined;

  constructor(spawn: () => WorkerHandle, mostMilliseconds: number = usualMilliseconds) {
    this.#spawn = spawn;
    this.#mostMilliseconds = mostMilliseconds;
  }

  /**
   * @returns the text, cut at the control tokens that the template wrote
   * @throws SkeinError (codes `template_error`, `template_timeout`, `template_memory`); InvalidOptionError for messages that are no plain data
   */
  renderPieces(call: RenderCall, signal?: AbortSignal): Promise<readonly ChatPiece[]> {
    return this.#inTurn("renderPieces", call, signal);
  }

  /** @throws as {@link renderPieces} */
  renderText(call: RenderCall, signal?: AbortSignal): Promise<string> {
    return this.#inTurn("renderText", call, signal);
  }

  close(reason: SkeinError): void {
    this.#disposed = reason;
    this.#client?.close(reason);
  }

  #inTurn<K extends "renderPieces" | "renderText">(
    method: K,
    call: RenderCall,
    signal: AbortSignal | undefined,
  ): Promise<TemplateMethods[K]["result"]> {
    const turn = this.#last.then(() => this.#render(method, call, signal));
    this.#last = turn.catch(() => {});
    return orAborted(turn, signal);
  }

  async #render<K extends "renderPieces" | "renderText">(
    method: K,
    call: RenderCall,
    signal: AbortSignal | undefined,
  ): Promise<TemplateMethods[K]["result"]> {
    signal?.throwIfAborted();
    const client = await this.#ready();
    const { origin } = call.template;
    const half = this.#mostMilliseconds / 2;
    const stop = (): void => client.close(tooLong(origin, half * 2));
    // In two steps: whoever was held up for longer than that has not looked yet whether there is an answer.
    let timer = setTimeout(() => {
      timer = setTimeout(stop, half);
    }, half);
    try {
      return await client.call(method, call, { signal, abandon: true });
    } catch (error) {
      if (signal?.aborted) client.close(abandoned());
      throw notPlainData(error) ?? (endedWorker(error) ? tooLarge(origin, error) : error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What renders, once it can: how long it takes to start does not count. */
  async #ready(): Promise<WorkerClient<TemplateMethods>> {
    if (this.#disposed) throw this.#disposed;
    if (this.#client && !this.#client.closed) return this.#client;
    const client = new WorkerClient<TemplateMethods>(this.#spawn());
    this.#client = client;
    await client.call("ping", undefined);
    return client;
  }
}

/**
 * Takes what a template is given: whose it is may change it while the call waits.
 * @throws InvalidOptionError for what could not be sent to where templates run
 */
export function copyPlainData<T>(call: T): T {
  try {
    return structuredClone(call);
  } catch (error) {
    throw notPlainData(error) ?? error;
  }
}

/** What stands against sending something to a thread or a process, if that is what the error is about. */
function notPlainData(error: unknown): InvalidOptionError | undefined {
  if (!(error instanceof Error) || error instanceof SkeinError) return undefined;
  const { name, message } = error;
  const isRefused = name === "DataCloneError" || message.endsWith("could not be cloned.");
  // Each level is a call. Firefox says this in its own way.
  const isTooDeep = /call stack|recursion/i.test(message);
  if (!isRefused && !isTooDeep) return undefined;
  const what = isTooDeep ? "are nested too deeply" : `must be plain data: ${message}`;
  return new InvalidOptionError("messages", `with tools and templateArguments, ${what}`);
}

/** Nothing but the template can have ended it. */
function endedWorker(error: unknown): error is SkeinError {
  return error instanceof SkeinError && error.code === "worker_failed";
}

function tooLong(origin: string, milliseconds: number): SkeinError {
  return new SkeinError(
    "template_timeout",
    `the chat template (${origin}) ran for more than ${milliseconds / 1000} seconds and was stopped; ${remedy}`,
  );
}

function tooLarge(origin: string, cause: SkeinError): SkeinError {
  return new SkeinError(
    "template_memory",
    `the chat template (${origin}) wanted more memory than it may have, and was stopped; ${remedy}`,
    { cause },
  );
}

function abandoned(): SkeinError {
  return new SkeinError("disposed", "nobody waits for this chat template any more");
}

const remedy = "mend it, or do without it: give a prompt in the place of messages";
