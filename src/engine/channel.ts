import { SkeinError } from "../errors.ts";
import { packError, type RemoteError, unpackError } from "./remote-error.ts";

/** One call that a worker answers: what it takes, what it tells on the way, what it returns. */
export interface Method {
  readonly params: unknown;
  readonly event: unknown;
  readonly result: unknown;
}

/** The calls of a worker by name. */
export type Methods<M> = { [K in keyof M]: Method };

/** What is handed over to a worker, not copied. */
export type Sendable = ArrayBuffer | MessagePort;

/** A worker as its owner sees it. */
export interface WorkerHandle {
  readonly post: (message: unknown, transfer?: readonly Sendable[]) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
  readonly onFailure: (listener: (error: Error) => void) => void;
  /** Whether the worker keeps the process alive. */
  readonly keepAlive: (busy: boolean) => void;
  readonly terminate: () => void;
}

/** The owner, as a worker sees it. */
export interface OwnerPort {
  readonly post: (message: unknown, transfer?: readonly ArrayBuffer[]) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
}

/** How one call is made. */
export interface CallOptions<Event> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Event) => void) | undefined;
  readonly transfer?: readonly Sendable[];
  /** Reject as soon as the signal aborts, not when the worker has stopped. */
  readonly abandon?: boolean;
}

type ToWorker =
  | { readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly id: number; readonly abort: true };
type FromWorker =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: RemoteError };

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onEvent: ((event: unknown) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly abandon: boolean;
  /** What its listener threw. */
  failure?: { readonly error: unknown };
}

/** Calls into a worker. While a call is pending the worker keeps the process alive; an idle one does not. */
export class WorkerClient<M extends Methods<M>> {
  readonly #worker: WorkerHandle;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 0;
  /** Why no call is taken any more. */
  #refusal: SkeinError | undefined;
  /** Why the worker hears nothing any more. */
  #closed: SkeinError | undefined;

  constructor(worker: WorkerHandle) {
    this.#worker = worker;
    worker.keepAlive(false);
    worker.onMessage((message) => this.#receive(message as FromWorker));
    worker.onFailure((error) => {
      this.#end(
        new SkeinError("worker_failed", `the worker of this model stopped: ${error.message}`, { cause: error }),
      );
    });
  }

  /**
   * @throws what the worker threw; the signal's reason after an abort; SkeinError (code `disposed`) once closed
   */
  async call<K extends keyof M & string>(
    method: K,
    params: M[K]["params"],
    { signal, onEvent, transfer = [], abandon = false }: CallOptions<M[K]["event"]> = {},
  ): Promise<M[K]["result"]> {
    signal?.throwIfAborted();
    if (this.#refusal) throw this.#refusal;
    const id = this.#nextId++;
    let stop: (() => void) | undefined;
    try {
      return await new Promise<unknown>((resolve, reject) => {
        const listener = onEvent as ((event: unknown) => void) | undefined;
        this.#pending.set(id, { resolve, reject, onEvent: listener, signal, abandon });
        stop = (): void => {
          this.#post({ id, abort: true }, []);
          if (abandon) reject(signal?.reason);
        };
        signal?.addEventListener("abort", stop, { once: true });
        if (this.#pending.size === 1) this.#worker.keepAlive(true);
        this.#post({ id, method, params }, transfer);
      });
    } finally {
      this.#pending.delete(id);
      if (stop) signal?.removeEventListener("abort", stop);
      if (this.#pending.size === 0 && !this.#closed) this.#worker.keepAlive(false);
    }
  }

  get closed(): boolean {
    return this.#refusal !== undefined;
  }

  /** Calls once more, and ends the worker then. All other calls are aborted and rejected with `reason` at once, and no new ones taken. */
  async closeAfter<K extends keyof M & string>(method: K, params: M[K]["params"], reason: SkeinError): Promise<void> {
    for (const [id, call] of this.#pending) {
      this.#post({ id, abort: true }, []);
      call.reject(reason);
    }
    const last = this.call(method, params).catch(() => {});
    this.#refusal ??= reason;
    await last;
    this.close(reason);
  }

  /** Ends the worker; pending calls are rejected with `reason`. */
  close(reason: SkeinError): void {
    this.#end(reason);
    this.#worker.terminate();
  }

  #post(message: ToWorker, transfer: readonly Sendable[]): void {
    if (!this.#closed) this.#worker.post(message, transfer);
  }

  #receive(message: FromWorker): void {
    const call = this.#pending.get(message.id);
    if (!call) return; // abandoned
    if ("event" in message) this.#tell(message.id, call, message.event);
    else if (call.failure) call.reject(call.failure.error);
    else if ("result" in message) call.resolve(message.result);
    else if (call.signal?.aborted && message.error.name === "AbortError") call.reject(call.signal.reason);
    else call.reject(unpackError(message.error));
  }

  /** A listener of the caller's that throws ends its call, when the worker has stopped, and not the process. */
  #tell(id: number, call: PendingCall, event: unknown): void {
    try {
      if (!call.failure) call.onEvent?.(event);
    } catch (error) {
      call.failure = { error };
      this.#post({ id, abort: true }, []);
      if (call.abandon) call.reject(error);
    }
  }

  #end(reason: SkeinError): void {
    this.#closed ??= reason;
    this.#refusal ??= reason;
    for (const call of this.#pending.values()) call.reject(reason);
  }
}

/** What a handler knows about the call that it answers. */
export interface CallContext<Event> {
  readonly signal: AbortSignal;
  readonly emit: (event: Event) => void;
  /** Buffers of the result that are handed over, not copied. */
  readonly transfer: ArrayBuffer[];
}

/** The worker's side: one function a method. */
export type Handlers<M extends Methods<M>> = {
  readonly [K in keyof M]: (
    params: M[K]["params"],
    context: CallContext<M[K]["event"]>,
  ) => Promise<M[K]["result"]> | M[K]["result"];
};

/** Answers the owner's calls. */
export function serve<M extends Methods<M>>(port: OwnerPort, handlers: Handlers<M>): void {
  const running = new Map<number, AbortController>();
  port.onMessage(async (received) => {
    const message = received as ToWorker;
    if ("abort" in message) {
      running.get(message.id)?.abort();
      return;
    }
    const { id } = message;
    const controller = new AbortController();
    running.set(id, controller);
    const transfer: ArrayBuffer[] = [];
    try {
      const emit = (event: unknown): void => port.post({ id, event });
      const handler = handlers[message.method as keyof M];
      const result = await handler(message.params, { signal: controller.signal, emit, transfer });
      port.post({ id, result }, transfer);
    } catch (error) {
      port.post({ id, error: packError(error) });
    } finally {
      running.delete(id);
    }
  });
}
