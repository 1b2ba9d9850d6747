import type { SettingName } from "../evaluation/compare.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";

const settings: Readonly<Record<SettingName, string>> = {
  model: "The models differ",
  nativeWindow: "Native windows differ",
  weights: "Weights differ",
  cache: "Caches differ",
  backend: "Backends differ",
  skein: "Versions of Skein differ",
  text: "Texts differ: questions and passages are not the same ones, and texts are not equally hard",
  seed: "Seeds differ: questions are not the same ones",
  share: "Questions share texts in other ways",
  machine: "Machines differ: rates are theirs too",
};

/** What the terminal shows, in English. */
export const evaluateEnglish: EvaluateTexts = {
  headings: {
    depths: "By length and depth",
    curves: "Perplexity by position",
    cells: "Results",
    consistency: "Consistency",
    speed: "Speed",
    conclusion: "What to use",
    differences: "What differs",
    onlyA: "Only in A",
    onlyB: "Only in B",
  },
  about: (heading, subject) => `${heading}: ${subject}`,
  labels: {
    length: "tokens",
    method: "method",
    divergence: "divergence",
    agreement: "agreement",
    perplexity: "perplexity",
    exact: "exact",
    seconds: "s / exact",
    prefill: "prefill tok/s",
    decode: "decode tok/s",
    cache: "cache",
    accuracy: "accuracy",
    difference: "B from A",
    pairs: "pairs",
  },
  suites: {
    passkey: "pass keys",
    retrieval: "retrieval",
    perplexity: "perplexity",
    consistency: "consistency",
    speed: "speed",
  },
  tasks: { "perplexity.whole": "perplexity", "perplexity.sliding": "sliding perplexity", "speed.speed": "speed" },
  nativeWindow: (tokens) => `native window ${tokens}`,
  weights: (weights) => `weights ${weights}`,
  run: ({ settings: { seed, text }, seconds }, samples) =>
    `${samples} ${samples === "1" ? "sample" : "samples"} a cell · seed ${seed} · text ${text.name} · ${duration(seconds)}`,
  depthCaption: (questions) =>
    `Per cent right by length in tokens (down) and by where in the text the answer stands (to the right, from its beginning); ${questions} ${questions === "1" ? "question" : "questions"} a square. The line is the native window.`,
  shades: "░ 20% and more  ▒ 40%  ▓ 60%  █ 80%",
  curveCaption: (length) =>
    `Of passages of ${length} tokens, each read from its beginning; lower is better; logarithmic. Where lines meet, the one named first is seen.`,
  axis: "position in tokens",
  intervals: "Beside each value its 95% interval.",
  omitted: (omitted) => {
    const parts = omitted.map(({ suite, task, length }) => `${task ?? suite} at ${length}`);
    return `Not measured, since there is no room for a question, or the text is shorter: ${parts.join(", ")}.`;
  },
  comparisonNote: (note) =>
    note.code === "tokenizer"
      ? "The tokenizers differ: perplexities are of other tokens, and are not compared."
      : `${settings[note.field]}: A ${note.a || "unknown"}, B ${note.b || "unknown"}.`,
  differs: "differs",
  isSame: "same",
  isUnclear: "no verdict",
  comparisonSummary: ({ compared, equal, outside, differing, expected }) =>
    [
      `${compared} comparisons, ${equal} of them of exactly equal pairs.`,
      ...(equal === compared
        ? ["Nothing differs."]
        : [
            `Of the others ${outside} have a 95% interval that leaves out no difference; where nothing differs, ${expected.toFixed(1)} would by chance.`,
            `After Holm's correction for their number ${differing === 0 ? "none differs" : differing === 1 ? "one differs" : `${differing} differ`}.`,
            "Pairs are questions or passages that both were given; without, each had its own.",
          ]),
    ].join(" "),
};

function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
