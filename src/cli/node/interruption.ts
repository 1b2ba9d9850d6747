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
  #tell: (() => void) | undefined;
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

  /**
   * What is still said where the process ends at once, before the command could say how it ended.
   * @param tell - writes at once or not at all; undefined once the command has said it
   */
  beforeSuddenEnd(tell: (() => void) | undefined): void {
    this.#tell = tell;
  }

  #interrupt(exitCode: number): void {
    if (this.#controller.signal.aborted) this.#end(exitCode);
    this.#exitCode = exitCode;
    this.#controller.abort(new DOMException("interrupted", "AbortError"));
    setTimeout(() => this.#end(exitCode), patienceMilliseconds).unref();
  }

  #end(exitCode: number): never {
    this.#tell?.();
    process.exit(exitCode);
  }
}

export const interruption: Interruption = new Interruption();
