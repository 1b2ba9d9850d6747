import { InvalidOptionError } from "../errors.ts";
import { bestScore, bestToken, type Candidates, copyLogits, softmaxWeights, sum } from "./candidates.ts";
import { keepMinP } from "./min-p.ts";
import { type SamplingOptions, validateSamplingOptions } from "./options.ts";
import { applyPresenceFrequencyPenalty } from "./presence-frequency-penalty.ts";
import { createRandom, type Random, randomSeed } from "./random.ts";
import { applyRepetitionPenalty } from "./repetition-penalty.ts";
import { applyTemperature } from "./temperature.ts";
import { keepTopK } from "./top-k.ts";
import { keepTopP } from "./top-p.ts";

/** Chooses one sequence's tokens, and remembers what was chosen. */
export interface Sampler {
  /** The seed of the draws: the one given, or the random one that was taken. */
  readonly seed: number;
  /** Tells the sampler tokens of the prompt; they count for the repetition penalty only. */
  observe(tokens: ArrayLike<number>): void;
  /**
   * Chooses the next token and counts it as generated.
   *
   * @param logits - [vocabulary], left as they are; `-Infinity` marks a token that must not be chosen
   * @throws SkeinError `invalid_logits` when no choice is possible (NaN, +Infinity, none, or all -Infinity).
   */
  sample(logits: Float32Array): number;
}

/**
 * A sampler for one sequence. All arithmetic is in float64, and the same seed, options and logits give the same tokens
 * (up to the last bit of the platform's `Math.exp`).
 *
 * @throws InvalidOptionError naming the option at fault.
 * @example
 * const sampler = createSampler({ temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05, seed: 1 });
 * sampler.observe(promptTokens);
 * const token = sampler.sample(logits);
 */
export function createSampler(options: SamplingOptions = {}): Sampler {
  validateSamplingOptions(options);
  const {
    temperature = 1,
    topK = 0,
    topP = 1,
    minP = 0,
    repetitionPenalty = 1,
    presencePenalty = 0,
    frequencyPenalty = 0,
    seed = randomSeed(),
  } = options;
  const random = createRandom(seed);
  const seen = new Set<number>();
  const generated = new Map<number, number>();
  let vocabulary = new Uint32Array(0);

  const isPlain = temperature === 0 && repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0;

  const choose = (logits: Float32Array): number => {
    if (isPlain) return bestToken(logits);
    const scores = copyLogits(logits);
    applyRepetitionPenalty(scores, seen, repetitionPenalty);
    applyPresenceFrequencyPenalty(scores, generated, presencePenalty, frequencyPenalty);
    if (temperature === 0) return scores.indexOf(bestScore(scores));

    applyTemperature(scores, temperature);
    if (vocabulary.length !== scores.length) vocabulary = Uint32Array.from(scores, (_, token) => token);
    const candidates = keepTopK({ tokens: vocabulary, scores }, topK);
    return draw(keepMinP(keepTopP(candidates, topP), minP), random);
  };

  return {
    seed,
    observe: (tokens) => {
      for (let index = 0; index < tokens.length; index++) {
        const token = tokens[index]!;
        if (!Number.isInteger(token) || token < 0) {
          throw new InvalidOptionError("tokens", `must be token ids, got ${token} at index ${index}`);
        }
        seen.add(token);
      }
    },
    sample: (logits) => {
      const token = choose(logits);
      seen.add(token);
      generated.set(token, (generated.get(token) ?? 0) + 1);
      return token;
    },
  };
}

/** One candidate by its probability: the first one at which the running sum passes a random share of the whole. */
function draw({ tokens, scores }: Candidates, random: Random): number {
  const weights = softmaxWeights(scores);
  const target = random.next() * sum(weights);
  let passed = 0;
  for (let index = 0; index < weights.length; index++) {
    passed += weights[index]!;
    if (passed > target) return tokens[index]!;
  }
  // The product was rounded up to the whole sum, which no running sum passes.
  return tokens[weights.indexOf(1)]!;
}
