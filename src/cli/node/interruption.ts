/**
 * Ctrl-C. The first one aborts what is running, so that it leaves things whole; a second one ends the process at once.
 */
class Interruption {
  readonly #controller = new AbortController();
  #handler: (() => boolean) | undefined;

  constructor() {
    process.on("SIGINT", () => {
      if (this.#handler?.()) return;
      if (this.#controller.signal.aborted) process.exit(130);
      this.#controller.abort(new DOMException("interrupted", "AbortError"));
    });
    process.on("SIGTERM", () => this.#controller.abort(new DOMException("terminated", "AbortError")));
  }

  /** Aborted by Ctrl-C. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something else to do at Ctrl-C. @param handler - returns whether it took care of it */
  handle(handler: (() => boolean) | undefined): void {
    this.#handler = handler;
  }
}

export const interruption: Interruption = new Interruption();
