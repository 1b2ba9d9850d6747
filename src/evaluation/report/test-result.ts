import { wilsonInterval } from "../interval.ts";
import type { AccuracyCell, Cell, DepthCell, EvaluationResult, PerplexityCell } from "../result.ts";

const ways = [
  { name: "none", factor: 1 },
  { name: "ntk", factor: 4 },
  { name: "yarn-dynamic", factor: 4 },
] as const;
const lengths = [128, 256, 1024] as const;

/** A result of all suites, for tests: figures that nobody measured. */
export function exampleResult(): EvaluationResult {
  return {
    type: "evaluation",
    version: 1,
    subject: {
      ...{ kind: "model", name: "models/example", nativeWindow: 256, originalWindow: 256, declared: "default" },
      ...{ family: "qwen2", rotary: { headDim: 32, ropeTheta: 500 }, weights: "f32", cache: "f32", backend: "wasm" },
    },
    settings: {
      ...{ skein: "0.1.0", suites: ["passkey", "retrieval", "perplexity", "consistency", "speed"], methods: ways },
      ...{ lengths, samples: 60, seed: 1, share: 1 },
      text: { name: "text.txt", hash: "ab12", characters: 200_000, tokens: 61_000 },
      command: ["skein", "evaluate", "models/example", "--report", "it's here.html"],
      machine: { processor: "A Processor", cores: 2, threads: 2 },
    },
    cells: exampleCells(),
    samples: [],
    omitted: [{ suite: "retrieval", task: "vt", length: 128 }],
    seconds: 254,
    date: "2026-01-31T12:00:00.000Z",
  };
}

function exampleCells(): readonly Cell[] {
  return ways.flatMap(({ name, factor }, way) =>
    lengths.flatMap((length, step): readonly Cell[] => {
      const base = { method: name, factor, length };
      const rate = way === 0 && length > 256 ? 0.05 : 0.9 + way / 50;
      const d = step / 100;
      return [
        { suite: "passkey", task: "passkey", ...base, ...rated(rate), depths: depths(rate) },
        { suite: "retrieval", task: "niah_single_1", ...base, ...rated(rate), depths: depths(rate) },
        { suite: "retrieval", task: "vt", ...base, ...rated(rate) },
        perplexityCell("whole", base, 22 + way),
        perplexityCell("sliding", base, 21 + way),
        {
          ...{ suite: "consistency", task: way % 2 === 0 ? "cache-q8" : "growth-rerotate", ...base, samples: 8 },
          ...{
            divergence: d,
            divergenceInterval: [d / 2, d * 2],
            agreement: 1 - d,
            agreementInterval: [1 - 2 * d, 1],
            perplexity: 22,
            interval: [21, 23],
          },
          ...{ exactPerplexity: 22, perplexityRatio: 1 + d, ratioInterval: [1 - d, 1 + 2 * d] },
          ...(way > 0 && { seconds: 0.1, exactSeconds: 0.4 }),
        },
        {
          ...{ suite: "speed", task: "speed", ...base, samples: 3, prefillRate: 14_000, decodeRate: 300 },
          cacheBytes: length * 1024,
        },
      ];
    }),
  );
}

function rated(accuracy: number): Pick<AccuracyCell, "samples" | "accuracy" | "interval"> {
  return { samples: 60, accuracy, interval: wilsonInterval(accuracy, 60) };
}

function depths(accuracy: number): readonly DepthCell[] {
  return [0, 1, 2, 3].map((part) => ({ depth: [part / 4, (part + 1) / 4], ...rated(accuracy) }));
}

function perplexityCell(
  task: "whole" | "sliding",
  base: Pick<PerplexityCell, "method" | "factor" | "length">,
  perplexity: number,
): PerplexityCell {
  const part = base.length / 4;
  const positions = [0, 1, 2, 3].map((index) => ({
    ...{ from: index * part, to: (index + 1) * part, tokens: part * 8, perplexity: perplexity + index },
    interval: [perplexity - 1, perplexity + 5] as const,
  }));
  return {
    ...{ suite: "perplexity", task, ...base, samples: 8, perplexity, interval: [perplexity - 1, perplexity + 1] },
    positions: task === "whole" ? positions : [],
  };
}
