import { isatty } from "node:tty";

/** How long something that was aborted may take to leave things whole. */
const patienceMilliseconds = 3000;

/**
 * Ctrl-C, and being ended in other ways. The first time aborts what is running, so that it leaves things whole; a second time, or when that takes too
 * long, the process ends at once.
 */
class Interruption {
  readonly #controller = new AbortController();
  #handler: (() => boolean) | undefined;
  #exitCode = 130;

  constructor() {
    process.on("SIGINT", () => {
      if (!this.#handler?.()) this.#interrupt(130);
    });
    process.on("SIGTERM", () => this.#interrupt(143));
    // Node forgets that it is to be ignored, as nohup wants it: where nothing is written to a terminal there is none to hang up. (Not every nohup takes the input away.)
    const isAtTerminal = [1, 2].some((descriptor) => isatty(descriptor));
    process.on("SIGHUP", () => {
      if (isAtTerminal) this.#interrupt(129);
    });
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 and the number of the signal. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Something else to do at Ctrl-C. @param handler - returns whether it took care of it */
  handle(handler: (() => boolean) | undefined): void {
    this.#handler = handler;
  }

  #interrupt(exitCode: number): void {
    if (this.#controller.signal.aborted) process.exit(exitCode);
    this.#exitCode = exitCode;
    this.#controller.abort(new DOMException("interrupted", "AbortError"));
    setTimeout(() => process.exit(exitCode), patienceMilliseconds).unref();
  }
}

export const interruption: Interruption = new Interruption();
