import type { BlockPool } from "../../cache/block-pool.ts";
import { SequenceCache } from "../../cache/sequence-cache.ts";
import { chooseEncoding, type EncodingChoice, resolveEncoding, sameEncoding } from "../../context/encoding.ts";
import { turnBetween } from "../../context/growth.ts";
import type { Context } from "../../context/narrow.ts";
import type { ContextOptions, Growth } from "../../context/options.ts";
import { factorFor } from "../../context/plan.ts";
import type { ContextConfig, ContextSettings } from "../../context/settings.ts";
import type { RotaryEncoding } from "../../position/index.ts";
import type { LoadedAdapter } from "./adapters.ts";

/** How a sequence begins. */
export interface SequenceOptions {
  /** The length that it is planned for from the start. */
  readonly plannedTokens?: number | undefined;
  readonly ownOptions?: ContextOptions | undefined;
  readonly cache?: SequenceCache | undefined;
  /** What its keys and values are computed with, from the first token to the last. */
  readonly adapter?: LoadedAdapter | undefined;
}

/** A state of a sequence. */
export interface SequenceMark {
  readonly length: number;
  readonly encoding: EncodingChoice;
  /** Whether no plan goes below its factor: it was only added to since it had that. */
  readonly keepsFactor: boolean;
}

/**
 * One token stream with its cache. Its tokens may run ahead of the cache: those past `cache.length` are computed when they are next needed.
 * So whatever is interrupted, and whenever, leaves a sequence that is whole.
 */
export class Sequence {
  readonly context: Context;
  /** What the sequence's own options are, without the model's. */
  readonly ownOptions: ContextOptions;
  readonly cache: SequenceCache;
  readonly adapter: LoadedAdapter | undefined;
  #tokens: number[] = [];
  readonly #config: ContextConfig;
  readonly #pool: BlockPool;
  readonly plannedTokens: number;
  #encoding: EncodingChoice;
  #rotary: RotaryEncoding;
  #keepsFactor = false;

  /**
   * @param context - what the sequence may do
   * @throws ContextLengthError when more tokens are planned than the window has
   */
  constructor(
    config: ContextConfig,
    pool: BlockPool,
    context: Context,
    { plannedTokens = 0, ownOptions = {}, cache = new SequenceCache(pool), adapter }: SequenceOptions = {},
  ) {
    this.context = context;
    this.ownOptions = ownOptions;
    this.#config = config;
    this.#pool = pool;
    this.cache = cache;
    this.adapter = adapter;
    this.plannedTokens = plannedTokens;
    this.#encoding = chooseEncoding(context.settings, factorFor(context.settings, plannedTokens));
    this.#rotary = resolveEncoding(config, this.#encoding);
  }

  get tokens(): readonly number[] {
    return this.#tokens;
  }

  get length(): number {
    return this.#tokens.length;
  }

  get encoding(): EncodingChoice {
    return this.#encoding;
  }

  get rotary(): RotaryEncoding {
    return this.#rotary;
  }

  /** The factor that the length gets for which the sequence was created, under its own settings or a request's; 1 where these are too narrow for it. */
  plannedFactor(settings: ContextSettings = this.context.settings): number {
    const fits = this.plannedTokens <= settings.extendedWindow || settings.allowBeyondWindow;
    return fits ? factorFor(settings, this.plannedTokens) : 1;
  }

  /**
   * The factor below which no plan goes while the sequence is only added to; after it was cut, it is planned afresh. Otherwise a plan that
   * was larger than what came of it would cost a recomputation at the next addition.
   */
  get keptFactor(): number {
    return this.#keepsFactor ? this.#encoding.factor : this.plannedFactor();
  }

  push(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
  }

  truncate(length: number): void {
    this.#cut(length);
    if (this.length === 0) this.adopt(chooseEncoding(this.context.settings, this.plannedFactor()), "recompute");
    this.#keepsFactor = false;
  }

  /** What {@link rollback} goes back to. */
  mark(): SequenceMark {
    return { length: this.length, encoding: this.#encoding, keepsFactor: this.#keepsFactor };
  }

  /** Undoes what was added, and the encoding that it was planned with, since a mark. */
  rollback({ length, encoding, keepsFactor }: SequenceMark): void {
    this.#cut(length);
    this.adopt(encoding, "recompute");
    this.#keepsFactor = keepsFactor;
  }

  #cut(length: number): void {
    this.#tokens.length = Math.min(this.#tokens.length, length);
    this.cache.truncate(length);
  }

  /** Makes the sequence this one, and keeps what is cached of the common beginning. */
  replace(tokens: ArrayLike<number>): void {
    let common = 0;
    while (common < tokens.length && common < this.length && tokens[common] === this.#tokens[common]) common++;
    this.#cut(common);
    for (let i = common; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
  }

  /**
   * Goes over to another encoding: cached keys are turned (`rerotate`), or everything is computed again when it is next needed
   * (`recompute`).
   * @returns whether cached tokens have to be computed again
   */
  adopt(encoding: EncodingChoice, growth: Growth): boolean {
    this.#keepsFactor = true;
    if (sameEncoding(encoding, this.#encoding)) {
      this.#encoding = encoding;
      return false;
    }
    const rotary = resolveEncoding(this.#config, encoding);
    // Turned keys are an approximation, for growth alone: whoever goes back to a smaller factor gets it exactly.
    const isTurned = growth === "rerotate" && encoding.factor > this.#encoding.factor;
    const losesCached = !isTurned && this.cache.length > 0;
    if (isTurned) {
      try {
        this.cache.rerotate((start, count) => turnBetween(this.#rotary, rotary, start, count));
      } catch (error) {
        this.cache.truncate(0); // some blocks are turned and some are not: none counts
        throw error;
      }
    } else {
      this.cache.truncate(0);
    }
    this.#encoding = encoding;
    this.#rotary = rotary;
    return losesCached;
  }

  /** @returns a sequence with the same tokens, which shares the cached blocks until either changes them */
  fork(): Sequence {
    const { plannedTokens, ownOptions, adapter } = this;
    const cache = this.cache.fork();
    const copy = new Sequence(this.#config, this.#pool, this.context, { plannedTokens, ownOptions, cache, adapter });
    copy.restore(this.#tokens, this.mark());
    return copy;
  }

  /** Takes over tokens, the encoding under which they were, or will be, cached, and whether its factor is kept. */
  restore(tokens: readonly number[], { encoding, keepsFactor }: Omit<SequenceMark, "length">): void {
    this.#tokens = [...tokens];
    this.#encoding = encoding;
    this.#rotary = resolveEncoding(this.#config, encoding);
    this.#keepsFactor = keepsFactor;
  }

  release(): void {
    this.cache.release();
    this.#tokens = [];
  }
}
