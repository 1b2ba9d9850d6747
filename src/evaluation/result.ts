/** What there is to measure. */
export const suites = ["passkey", "retrieval", "perplexity", "consistency", "speed"] as const;
export type SuiteName = (typeof suites)[number];

/** 95 % confidence: the least and the largest value. */
export type Interval = readonly [low: number, high: number];

/** What an evaluation found, as `--json` prints it and `--compare` and reports read it. Plain data. */
export interface EvaluationResult {
  readonly type: "evaluation";
  /** Of this format. */
  readonly version: 1;
  readonly subject: Subject;
  readonly settings: EvaluationSettings;
  readonly cells: readonly Cell[];
  readonly samples: readonly Sample[];
  /** Lengths that have no room for a task's shortest question, or are longer than the text; without a task, all of the suite's. */
  readonly omitted: readonly { readonly suite: SuiteName; readonly task?: string; readonly length: number }[];
  /** What a server's answers look like; of endpoints only. */
  readonly behaviour?: Behaviour;
  /** Seconds that were computed, interruptions left out. */
  readonly seconds: number;
  /** When it was finished, as `2026-01-31T12:00:00Z`. */
  readonly date?: string;
}

/** What was evaluated. */
export interface Subject {
  readonly kind: "model" | "endpoint";
  /** A folder, a Hub id, a server's name for its model. */
  readonly name: string;
  /** Of an endpoint: without credentials. */
  readonly url?: string;
  /** Of an endpoint: how lengths were counted: by its own tokenizer, by one at hand, or estimated from what a sample of text came to. */
  readonly lengths?: "server" | "local" | "estimated";
  /** The tokens usable without extension; of an endpoint as `--native-window` says. */
  readonly nativeWindow: number;
  /** The window that factors refer to. */
  readonly originalWindow: number;
  /** The scaling that the configuration declares; `default` is none. Unknown of an endpoint. */
  readonly declared?: string;
  readonly family?: string;
  /** What the rotary encoding is computed from; not there where the model's own scaling says more, and of an endpoint. */
  readonly rotary?: RotaryFacts;
  readonly weights?: string;
  readonly cache?: string;
  readonly backend?: string;
}

export interface RotaryFacts {
  readonly headDim: number;
  readonly ropeTheta: number;
}

/** What makes a run the same again. */
export interface EvaluationSettings {
  readonly skein: string;
  readonly suites: readonly SuiteName[];
  /** Of the suite `retrieval`, where not all of them were asked for. */
  readonly tasks?: readonly string[];
  readonly methods: readonly { readonly name: string; readonly factor: number }[];
  /** In tokens. */
  readonly lengths: readonly number[];
  /** How many a cell. */
  readonly samples: number;
  readonly seed: number;
  /** How many questions share a text. */
  readonly share: number;
  /** The text that haystacks and perplexities are taken from. */
  readonly text: {
    readonly name: string;
    readonly hash: string;
    readonly characters: number;
    readonly tokens?: number;
  };
  /** The command line that does it again, one word an entry. */
  readonly command: readonly string[];
  readonly machine: { readonly processor: string; readonly cores: number; readonly threads?: number };
}

interface Measured {
  readonly suite: SuiteName;
  /** What of the suite, as `niah_single_1`; `passkey` has one task. */
  readonly task: string;
  /** As `yarn-dynamic`; `endpoint` where a server decides. */
  readonly method: string;
  /** The largest factor that the method may use; 1 without scaling. */
  readonly factor: number;
  /** In the model's tokens, the answer's included. */
  readonly length: number;
}

/** One method at one length, with everything that was measured there. */
export type Cell = AccuracyCell | PerplexityCell | ConsistencyCell | SpeedCell;

export interface AccuracyCell extends Measured {
  readonly suite: "passkey" | "retrieval";
  readonly samples: number;
  /** The mean score, from 0 to 1. */
  readonly accuracy: number;
  /** Wilson's, of the accuracy; wider where questions that share a text were answered alike. */
  readonly interval: Interval;
  /** By where the answer stood in the text, where it stood in one place. */
  readonly depths?: readonly DepthCell[];
}

/** A part of the text, from 0, its beginning, to 1. */
export interface DepthCell {
  readonly depth: readonly [from: number, to: number];
  readonly samples: number;
  readonly accuracy: number;
  readonly interval: Interval;
}

export interface PerplexityCell extends Measured {
  readonly suite: "perplexity";
  /** Passages of text. */
  readonly samples: number;
  readonly perplexity: number;
  /** Not there for a single passage. */
  readonly interval?: Interval;
  /** By position in the text, ascending; empty for `sliding`. */
  readonly positions: readonly PositionCell[];
}

/** Positions from `from` to before `to`. */
export interface PositionCell {
  readonly from: number;
  readonly to: number;
  /** Scored ones, of all passages. */
  readonly tokens: number;
  readonly perplexity: number;
  readonly interval?: Interval;
}

/**
 * A way of computing compared with the one that is exact: `growth-recompute` and `growth-rerotate` with a fresh sequence, `steps` with a continuous factor,
 * `cache-f16` and `cache-q8` with `f32`.
 */
export interface ConsistencyCell extends Measured {
  readonly suite: "consistency";
  readonly samples: number;
  /** Mean Kullback-Leibler divergence from the exact one, in nats a token. */
  readonly divergence: number;
  readonly divergenceInterval?: Interval;
  /** How often the most probable token is the same, from 0 to 1. */
  readonly agreement: number;
  /** Wilson's; wider where tokens of a passage agree, or do not, together. */
  readonly agreementInterval?: Interval;
  /** Of the text, as computed this way. */
  readonly perplexity: number;
  readonly interval?: Interval;
  /** Of the same text, as the exact way computes it. */
  readonly exactPerplexity: number;
  /** The first over the second. Its interval is of the differences passage by passage, and narrower than those of the two. */
  readonly perplexityRatio: number;
  readonly ratioInterval?: Interval;
  /** How long growing took, all of it together, and a fresh sequence to read the same tokens, in seconds, medians. */
  readonly seconds?: number;
  readonly exactSeconds?: number;
}

export interface SpeedCell extends Measured {
  readonly suite: "speed";
  readonly samples: number;
  /** Tokens a second, medians: reading `length` tokens, and answering after them. */
  readonly prefillRate: number;
  readonly decodeRate: number;
  /** Of keys and values, in bytes. Unknown of an endpoint. */
  readonly cacheBytes?: number;
}

interface SampleBase extends Measured {
  /** From 0 to `samples` - 1. */
  readonly index: number;
  /** SHA-256 of the prompt, or of the text that was scored: equal ones are the same question. */
  readonly promptHash: string;
  /** The factor that it was computed with. Unknown of an endpoint. */
  readonly usedFactor?: number;
}

export type Sample = AccuracySample | PerplexitySample | ConsistencySample | SpeedSample;

export interface AccuracySample extends SampleBase {
  readonly suite: "passkey" | "retrieval";
  /** Where in the text the answer stands, from 0 to 1. */
  readonly depth?: number;
  /** Samples with the same one share their text. */
  readonly group: number;
  readonly expected: readonly string[];
  readonly answer: string;
  /** From 0 to 1. */
  readonly score: number;
  /** A server did not take so many tokens: the sample is in no cell. */
  readonly refused?: true;
}

export interface PerplexitySample extends SampleBase {
  readonly suite: "perplexity";
  /** Sums of log probabilities (natural), and numbers of tokens, by position: one entry for each of the cell's `positions`, or one for all. */
  readonly logprobs: readonly number[];
  readonly tokens: readonly number[];
  /** A server did not take so many tokens: nothing was scored, and the sample is in no cell. */
  readonly refused?: true;
}

export interface ConsistencySample extends SampleBase {
  readonly suite: "consistency";
  /** Scored ones. */
  readonly tokens: number;
  /** Sums over them. */
  readonly divergence: number;
  readonly agreed: number;
  readonly logprob: number;
  readonly exactLogprob: number;
  readonly seconds?: number;
  readonly exactSeconds?: number;
}

export interface SpeedSample extends SampleBase {
  readonly suite: "speed";
  /** 0 where nothing was timed. */
  readonly prefillRate: number;
  readonly decodeRate: number;
  readonly cacheBytes?: number;
  /** A server did not take so many tokens: nothing was timed, and the sample is in no cell. */
  readonly refused?: true;
  /** A server ended its answer at its first token, or sent all of it at once: the same. */
  readonly untimed?: true;
}

/** What a server does with lengths: see docs/evaluate.md, "Servers". */
export interface Behaviour {
  /**
   * `limited`: refuses what was asked beyond the native window. `unscaled`: accepts more, and answers badly there. `static`: one encoding for all lengths, good
   * beyond the window. `dynamic`: another one beyond the window than within. `scaled`: static or dynamic. `unclear`: what was seen allows no verdict.
   */
  readonly kind: "limited" | "unscaled" | "static" | "dynamic" | "scaled" | "unclear";
  /** Why it looks so, in the order in which it was found out. */
  readonly reasons: readonly BehaviourReason[];
}

/** A code for the words, and the numbers in them: those that there are stand in `src/evaluation/endpoint/reasons.ts`. */
export interface BehaviourReason {
  readonly code: string;
  readonly values: Readonly<Record<string, number | string>>;
}
