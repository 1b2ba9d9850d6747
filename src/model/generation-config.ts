import type { ModelConfig } from "./config.ts";
import {
  type ConfigFields,
  fieldOf,
  optionalBoolean,
  optionalNumber,
  optionalTokens,
  readFields,
} from "./config-fields.ts";

/** How a checkpoint wants its text to be generated, where the user says nothing else. */
export interface GenerationDefaults {
  /** Tokens that end the text; none when no file names one. */
  readonly endTokens: readonly number[];
  /** 0: the most likely token is taken. */
  readonly temperature: number;
  /** How many of the most likely tokens are kept; 0: all. */
  readonly topK: number;
  /** The share of probability that is kept, from the most likely token on; 1: all. */
  readonly topP: number;
  /** The least probability, relative to the most likely token's, that is kept. */
  readonly minP?: number;
  /** 1: none. */
  readonly repetitionPenalty: number;
  /** Fields of the file that are in effect in transformers and that Skein does not follow, to be warned about. */
  readonly notFollowed: readonly string[];
}

/**
 * Validates a `generation_config.json`.
 *
 * @param json - its content; `undefined` when the checkpoint has none
 * @throws InvalidConfigError naming the field, as `generation_config.top_p`.
 */
export function parseGenerationConfig(json: unknown, config: ModelConfig): GenerationDefaults {
  const fields = readFields(json === undefined ? {} : json, "generation_config.json", "generation_config.");
  const ownTokens = optionalTokens(fields, "eos_token_id", config.vocab_size);
  const sample = optionalBoolean(fields, "do_sample", false);
  const temperature = optionalNumber(fields, "temperature", { minimum: 0 }, 1);
  const minP = optionalNumber(fields, "min_p", { minimum: 0, maximum: 1 }, undefined);
  return {
    endTokens: [...new Set([ownTokens ?? config.eos_token_id ?? []].flat())],
    // As in transformers: without do_sample the temperature in the file has no effect.
    temperature: sample ? temperature : 0,
    topK: readTopK(fields, sample),
    topP: optionalNumber(fields, "top_p", { minimum: 0, maximum: 1 }, 1),
    ...(minP === undefined ? {} : { minP }),
    repetitionPenalty: optionalNumber(fields, "repetition_penalty", { above: 0 }, 1),
    notFollowed: NEUTRAL_VALUES.filter(([name, neutral]) => isInEffect(fieldOf(fields, name), neutral)).map(
      ([name]) => name,
    ),
  };
}

/**
 * transformers samples from the 50 most likely tokens unless the file says otherwise, so a file that asks for sampling and
 * does not mention top_k was published with those 50. A file that does not ask for sampling says nothing about it: who
 * then sets a temperature gets sampling from all tokens, not a limit that is written nowhere.
 */
function readTopK(fields: ConfigFields, sample: boolean): number {
  const absent = fieldOf(fields, "top_k") === undefined;
  return optionalNumber(
    fields,
    "top_k",
    { integer: true, minimum: 0, maximum: 2 ** 31 - 1 },
    absent && sample ? 50 : 0,
  );
}

/** Fields that change transformers' output, and the values with which they do not (absent, null and [] never do). */
const NEUTRAL_VALUES: readonly (readonly [string, readonly unknown[]])[] = [
  ["num_beams", [1]],
  ["typical_p", [1]],
  ["epsilon_cutoff", [0]],
  ["eta_cutoff", [0]],
  ["penalty_alpha", [0]],
  ["guidance_scale", [1]],
  ["no_repeat_ngram_size", [0]],
  ["min_length", [0]],
  ["min_new_tokens", [0]],
  ["bad_words_ids", []],
  ["sequence_bias", []],
  ["suppress_tokens", []],
  ["begin_suppress_tokens", []],
  ["forced_bos_token_id", []],
  ["forced_eos_token_id", []],
  ["exponential_decay_length_penalty", []],
  ["stop_strings", []],
];

function isInEffect(value: unknown, neutral: readonly unknown[]): boolean {
  if (value === undefined || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : !neutral.includes(value);
}
