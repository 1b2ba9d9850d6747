import type { Command } from "commander";
import type { GenerateOptions } from "../index.ts";
import { collectTexts, parseNumber, parseWhole } from "./parse.ts";

/** Flags of every command that generates text. */
export interface SamplingFlags {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly promptLookup?: true | number;
}

/** @param openEnd - how far an answer goes without `--max-tokens` */
export function addSamplingFlags(command: Command, openEnd: string): Command {
  return command
    .option("--max-tokens <n>", `the most tokens to generate (default: ${openEnd})`, parseWhole)
    .option("--temperature <t>", "0 takes the best token; higher is more varied", parseNumber)
    .option("--top-k <n>", "draw from the n best tokens", parseWhole)
    .option("--top-p <p>", "draw from the best tokens that make up this probability", parseNumber)
    .option("--min-p <p>", "leave out tokens less probable than this part of the best one", parseNumber)
    .option("--repetition-penalty <r>", "above 1: tokens that occurred become less likely", parseNumber)
    .option("--presence-penalty <p>", "the same for generated tokens, once", parseNumber)
    .option("--frequency-penalty <p>", "the same for generated tokens, each time", parseNumber)
    .option("--seed <n>", "the same seed gives the same text", parseWhole)
    .option("--stop <text>", "end the answer before this text (may be repeated)", collectTexts)
    .option(
      "--prompt-lookup [n]",
      "guess what the answer quotes, up to n tokens a step (8): the same answer in fewer steps",
      parseWhole,
    );
}

export function samplingOf(flags: SamplingFlags): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty } = flags;
  const { seed, stop, promptLookup } = flags;
  return {
    maxTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    presencePenalty,
    frequencyPenalty,
    seed,
    stop,
    promptLookup,
  };
}
