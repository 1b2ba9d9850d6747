import { checkOptions } from "./check-options.ts";
import type { GenerateEvent, GenerateSummary } from "./methods.ts";
import type { FinishReason, GenerationChunk, GenerationResult, TokenLogprob } from "./options.ts";

/** Starts the work behind a generation. */
export type StartGeneration = (
  signal: AbortSignal,
  onEvent: (event: GenerateEvent) => void,
) => Promise<GenerateSummary>;

/**
 * An answer that is being made: loop over it for the pieces, or await {@link Generation.result} for the whole. Nothing happens before one of
 * the two. Leaving the loop stops the work and frees what it held.
 *
 * @example
 * for await (const chunk of model.generate({ prompt })) process.stdout.write(chunk.text);
 */
export class Generation implements AsyncIterable<GenerationChunk> {
  readonly #start: StartGeneration;
  readonly #options: { readonly signal?: AbortSignal | undefined };
  readonly #leave = new AbortController();
  readonly #chunks: GenerationChunk[] = [];
  #work: Promise<GenerateSummary> | undefined;
  #whole: Promise<GenerationResult> | undefined;
  #isSettled = false;
  #isLooped = false;
  readonly #waiting: (() => void)[] = [];

  /** @internal Made by `Model.generate` and `Session.generate`. */
  constructor(start: StartGeneration, options: { readonly signal?: AbortSignal | undefined }) {
    this.#start = start;
    this.#options = options;
  }

  /**
   * The whole answer, also while or after looping.
   * @throws what stopped the work: ContextLengthError, the signal's reason, ...
   */
  result(): Promise<GenerationResult> {
    this.#whole ??= this.#run().then((summary) => collect(this.#chunks, summary));
    if (this.#isLooped) this.#whole.catch(() => {}); // whoever loops hears of it there
    return this.#whole;
  }

  /**
   * No generator, whose `return` would wait for the piece that it waits for: a stream that is cancelled while the prompt is read stops the work at once.
   *
   * @throws what stopped the work, after the pieces that were made
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<GenerationChunk, void, undefined> {
    let work: Promise<GenerateSummary> | undefined;
    let made = 0;
    let isOver = false;
    const loop: AsyncIterableIterator<GenerationChunk, void, undefined> = {
      next: async () => {
        this.#isLooped = true;
        if (!isOver) work ??= this.#run();
        work?.catch(() => {}); // awaited below, unless the loop is left
        if (made === 0) this.#whole?.catch(() => {}); // as in result()
        while (!isOver) {
          if (made < this.#chunks.length) return { value: this.#chunks[made++]!, done: false };
          isOver = this.#isSettled;
          await (isOver ? work : new Promise<void>((resolve) => this.#waiting.push(resolve)));
        }
        return { value: undefined, done: true };
      },
      return: async () => {
        isOver = true;
        if (work) this.#leave.abort(new DOMException("the loop over this generation was left", "AbortError"));
        await work?.catch(() => {});
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]: () => loop,
    };
    return loop;
  }

  #run(): Promise<GenerateSummary> {
    this.#work ??= this.#begin();
    return this.#work;
  }

  async #begin(): Promise<GenerateSummary> {
    try {
      checkOptions(this.#options);
      const outer = this.#options.signal;
      const signal = outer ? AbortSignal.any([outer, this.#leave.signal]) : this.#leave.signal;
      return await this.#start(signal, (event) => this.#receive(event));
    } finally {
      this.#isSettled = true;
      this.#wake();
    }
  }

  /** There may be several loops. */
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #receive(event: GenerateEvent): void {
    if (event.type !== "chunk") return;
    const { text, token, factor, logprobs, finishReason } = event;
    this.#chunks.push({
      text,
      tokens: [token],
      factor,
      ...(logprobs && { logprobs }),
      ...(finishReason && { finishReason }),
    });
    this.#wake();
  }
}

function collect(chunks: readonly GenerationChunk[], summary: GenerateSummary): GenerationResult {
  const { finishReason, factor, promptTokens, cachedTokens, prefillSeconds, decodeSeconds, seed } = summary;
  const { guessedTokens, acceptedTokens } = summary;
  const tokens = chunks.flatMap((chunk) => chunk.tokens);
  const logprobs: TokenLogprob[] = chunks.flatMap((chunk) => chunk.logprobs ?? []);
  const completionTokens = tokens.length;
  return {
    text: chunks.map((chunk) => chunk.text).join(""),
    tokens,
    ...(logprobs.length > 0 && { logprobs }),
    finishReason: finishReason satisfies FinishReason,
    factor,
    usage: {
      promptTokens,
      cachedTokens,
      completionTokens,
      totalTokens: promptTokens + completionTokens,
      ...(guessedTokens !== undefined && { guessedTokens }),
      ...(acceptedTokens !== undefined && { acceptedTokens }),
    },
    timings: { prefillSeconds, decodeSeconds },
    seed,
  };
}
