import { depthParts } from "./passkey.ts";
import { perplexityCells } from "./perplexity.ts";
import { accuracyCells } from "./questions.ts";
import type { AccuracySample, EvaluationResult, PerplexitySample, Sample, Subject } from "./result.ts";

/** What was measured of one method at one length. */
export interface Made {
  readonly method: string;
  readonly length: number;
  /** Scores of pass keys, one a question. */
  readonly scores?: readonly number[];
  /** Mean log probabilities of passages. */
  readonly logprobs?: readonly number[];
}

/** A result as `skein evaluate` makes it, from given scores. The native window is 256. */
export function makeResult(
  made: readonly Made[],
  {
    subject = {},
    ...fields
  }: Omit<Partial<EvaluationResult>, "subject"> & { readonly subject?: Partial<Subject> } = {},
): EvaluationResult {
  const samples: readonly Sample[] = fields.samples ?? made.flatMap(samplesOf);
  return {
    type: "evaluation",
    version: 1,
    subject: {
      kind: "model",
      name: "made",
      nativeWindow: 256,
      originalWindow: 256,
      weights: "q8",
      cache: "f32",
      ...subject,
    },
    settings: {
      skein: "0.1.0",
      suites: ["passkey", "perplexity"],
      methods: [{ name: "none", factor: 1 }],
      lengths: [...new Set(made.map(({ length }) => length))],
      ...{ samples: 60, seed: 1, share: 1 },
      text: { name: "text.txt", hash: "abcdef", characters: 1000, tokens: 300 },
      command: ["skein", "evaluate"],
      machine: { processor: "none", cores: 2 },
    },
    cells: [...accuracyCells(samples, depthParts), ...perplexityCells(samples)],
    samples,
    omitted: [],
    seconds: 1,
    ...fields,
  };
}

/** So many right ones, then wrong ones. */
export function answers(right: number, all: number): readonly number[] {
  return Array.from({ length: all }, (_, i) => (i < right ? 1 : 0));
}

function samplesOf({ method, length, scores = [], logprobs = [] }: Made): readonly Sample[] {
  const identity = { method, factor: method === "none" || method === "endpoint" ? 1 : 4, length };
  const asked = scores.map((score, index): AccuracySample => {
    const depth = ((index % depthParts) + 0.5) / depthParts;
    const question = { ...identity, suite: "passkey", task: "passkey", index, group: index, depth } as const;
    return { ...question, promptHash: `q${length}/${index}`, expected: ["1"], answer: score === 1 ? "1" : "2", score };
  });
  const scored = logprobs.map((logprob, index): PerplexitySample => {
    const passage = {
      ...identity,
      suite: "perplexity",
      task: "whole",
      index,
      promptHash: `p${length}/${index}`,
    } as const;
    return { ...passage, logprobs: new Array(16).fill(logprob * 10), tokens: new Array(16).fill(10) };
  });
  return [...asked, ...scored];
}
