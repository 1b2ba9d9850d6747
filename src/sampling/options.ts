import { checkOption, InvalidOptionError, show } from "../errors.ts";

/**
 * How the next token is chosen from the logits. Every field may be left out. A model generates with its own `generationDefaults` in place of those of
 * temperature, top-k, top-p, min-p and repetition penalty; elsewhere what is left out changes nothing: `{}` draws from the model's own distribution.
 *
 * The processors run in transformers' order: repetition penalty, frequency and presence penalty, temperature, top-k,
 * top-p, min-p, draw.
 *
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/generation/utils.py (`_get_logits_processor`)
 */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the best token (greedy), 1 leaves the distribution as it is. At least 0. */
  readonly temperature?: number | undefined;
  /** Only the `topK` best tokens stay, and those that tie with the last of them. 0 keeps all. */
  readonly topK?: number | undefined;
  /** Only the smallest set of best tokens stays whose probabilities reach `topP`. In (0, 1]; 1 keeps all. */
  readonly topP?: number | undefined;
  /** Only tokens stay that are at least `minP` times as probable as the best one. In [0, 1]; 0 keeps all. */
  readonly minP?: number | undefined;
  /** Above 1 makes tokens of the prompt and of the answer so far less likely. In [0.01, 100]; 1 changes nothing. */
  readonly repetitionPenalty?: number | undefined;
  /** Subtracted from the logit of every token generated so far. In [-2, 2]; default 0. */
  readonly presencePenalty?: number | undefined;
  /** Subtracted from a token's logit once for every time that it was generated. In [-2, 2]; default 0. */
  readonly frequencyPenalty?: number | undefined;
  /** The same seed gives the same draws. A safe integer of at least 0; without one, a random seed is taken. */
  readonly seed?: number | undefined;
}

/**
 * Checks every sampling option that is given.
 *
 * @throws InvalidOptionError naming the first option at fault.
 * @example
 * validateSamplingOptions({ temperature: 0.7, topP: 0.8, topK: 20 });
 */
export function validateSamplingOptions(options: SamplingOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError("sampling", `must be an object with sampling options, got ${show(options)}`);
  }
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed } = options;
  check("temperature", temperature, "a number of at least 0 (0 takes the best token)", (value) => value >= 0);
  check("topK", topK, "a whole number of at least 0 (0 keeps all tokens)", (value) => isWhole(value));
  check("topP", topP, "a number above 0 and at most 1 (1 keeps all tokens)", (value) => value > 0 && value <= 1);
  check("minP", minP, "a number from 0 to 1 (0 keeps all tokens)", (value) => value >= 0 && value <= 1);
  check("repetitionPenalty", repetitionPenalty, "a number from 0.01 to 100 (1 changes nothing)", isRepetitionPenalty);
  check("presencePenalty", presencePenalty, "a number from -2 to 2 (0 changes nothing)", isPenalty);
  check("frequencyPenalty", frequencyPenalty, "a number from -2 to 2 (0 changes nothing)", isPenalty);
  check("seed", seed, "a whole number from 0 to 9007199254740991", (value) => isWhole(value));
}

function check(option: string, value: unknown, wanted: string, accepts: (value: number) => boolean): void {
  checkOption(option, value, typeof value === "number" && Number.isFinite(value) && accepts(value), wanted);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

// The bounds are far from any use; they keep a product of penalty and logit from overflowing.
function isRepetitionPenalty(value: number): boolean {
  return value >= 0.01 && value <= 100;
}

function isPenalty(value: number): boolean {
  return value >= -2 && value <= 2;
}
