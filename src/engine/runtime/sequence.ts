import type { BlockPool } from "../../cache/block-pool.ts";
import { SequenceCache } from "../../cache/sequence-cache.ts";
import { chooseEncoding, type EncodingChoice, resolveEncoding, sameEncoding } from "../../context/encoding.ts";
import { turnBetween } from "../../context/growth.ts";
import type { ContextOptions, Growth } from "../../context/options.ts";
import { factorFor } from "../../context/plan.ts";
import type { ContextConfig, ContextSettings } from "../../context/settings.ts";
import type { RotaryEncoding } from "../../position/index.ts";

/** Options and what they resolved to. */
export interface Context {
  readonly options: ContextOptions;
  readonly settings: ContextSettings;
}

/**
 * One token stream with its cache. Its tokens may run ahead of the cache: those past `cache.length` are computed when they are next needed.
 * So whatever is interrupted, and whenever, leaves a sequence that is whole.
 */
export class Sequence {
  readonly context: Context;
  readonly cache: SequenceCache;
  #tokens: number[] = [];
  readonly #config: ContextConfig;
  readonly #pool: BlockPool;
  readonly #plannedTokens: number;
  readonly #plannedFactor: number;
  #encoding: EncodingChoice;
  #rotary: RotaryEncoding;

  /**
   * @param plannedTokens - the length that the sequence is planned for from the start
   * @throws ContextLengthError when that is more than the window has
   */
  constructor(
    config: ContextConfig,
    pool: BlockPool,
    context: Context,
    plannedTokens = 0,
    cache: SequenceCache = new SequenceCache(pool),
  ) {
    this.context = context;
    this.#config = config;
    this.#pool = pool;
    this.cache = cache;
    this.#plannedTokens = plannedTokens;
    this.#plannedFactor = factorFor(context.settings, plannedTokens);
    this.#encoding = chooseEncoding(context.settings, this.#plannedFactor);
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

  /**
   * The factor below which no plan goes while the first `kept` tokens stay; without any, it is only what the sequence was created for.
   */
  factorKeeping(kept: number): number {
    return kept === 0 ? this.#plannedFactor : this.#encoding.factor;
  }

  push(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
  }

  truncate(length: number): void {
    this.#tokens.length = Math.min(this.#tokens.length, length);
    this.cache.truncate(length);
    if (this.length === 0) this.adopt(chooseEncoding(this.context.settings, this.#plannedFactor), "recompute");
  }

  /**
   * Makes the sequence this one, and keeps what is cached of the common beginning.
   * @returns how many tokens are the same
   */
  replace(tokens: ArrayLike<number>): number {
    let common = 0;
    while (common < tokens.length && common < this.length && tokens[common] === this.#tokens[common]) common++;
    this.truncate(common);
    for (let i = common; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
    return common;
  }

  /**
   * Goes over to another encoding: cached keys are turned (`rerotate`), or everything is computed again when it is next needed
   * (`recompute`).
   * @returns whether cached tokens have to be computed again
   */
  adopt(encoding: EncodingChoice, growth: Growth): boolean {
    if (sameEncoding(encoding, this.#encoding)) {
      this.#encoding = encoding;
      return false;
    }
    const rotary = resolveEncoding(this.#config, encoding);
    const losesCached = growth === "recompute" && this.cache.length > 0;
    if (growth === "rerotate") {
      this.cache.rerotate((start, count) => turnBetween(this.#rotary, rotary, start, count));
    } else {
      this.cache.truncate(0);
    }
    this.#encoding = encoding;
    this.#rotary = rotary;
    return losesCached;
  }

  /** @returns a sequence with the same tokens, which shares the cached blocks until either changes them */
  fork(): Sequence {
    const copy = new Sequence(this.#config, this.#pool, this.context, this.#plannedTokens, this.cache.fork());
    copy.restore(this.#tokens, this.#encoding);
    return copy;
  }

  /** Takes over tokens and the encoding under which they were, or will be, cached. */
  restore(tokens: readonly number[], encoding: EncodingChoice): void {
    this.#tokens = [...tokens];
    this.#encoding = encoding;
    this.#rotary = resolveEncoding(this.#config, encoding);
  }

  release(): void {
    this.cache.release();
    this.#tokens = [];
  }
}
