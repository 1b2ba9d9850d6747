import type { ModelInspection } from "../index.ts";
import {
  enablingCommand,
  enablingOption,
  extensionState,
  formatBytes,
  formatEndTokens,
  formatFactor,
  formatScaling,
  suggestedWindow,
} from "./inspect-facts.ts";
import { type InspectTexts, sayOfEach } from "./inspect-texts.ts";

/** The report in English. */
export const english: InspectTexts = {
  headings: {
    model: "Model",
    context: "Context window",
    encoding: "Position encoding (RoPE)",
    yarn: "YaRN",
    cache: "Cache of keys and values",
    generation: "Generation",
    findings: "Mistakes and notes",
    differences: "What differs",
    same: "What is the same",
    meaning: "What it means in practice",
  },
  labels: {
    family: "family",
    parameters: "parameters",
    layers: "layers",
    vocabulary: "vocabulary",
    weights: "weights",
    nativeWindow: "native window",
    originalWindow: "original window",
    extendedWindow: "extended window",
    slidingWindow: "sliding window",
    method: "method",
    theta: "theta",
    headDimension: "head dimension",
    attentionScaling: "attention scaling",
    wavelengths: "wavelengths",
    schedule: "schedule",
    factor: "factor",
    window: "window",
    tokens: "tokens",
    endTokens: "end tokens",
    sampling: "sampling",
    chatTemplate: "chat template",
    kept: "kept",
    blended: "blended",
    interpolated: "interpolated",
    enableInProgram: "in a program",
    enableByCommand: "by command",
  },
  fields: {
    "context.nativeWindow": "native window",
    "context.extendedWindow": "usable with no setting",
    "yarn.needed": "must be enabled for more",
    "encoding.method": "RoPE method",
    "encoding.theta": "RoPE theta",
    "encoding.headDim": "head dimension",
    "encoding.factor": "factor with no setting",
    "encoding.attentionScaling": "attention scaling then",
    endTokens: "end tokens",
    "sampling.temperature": "temperature",
    "sampling.topK": "top-k",
    "sampling.topP": "top-p",
    "sampling.minP": "min-p",
    "sampling.repetitionPenalty": "repetition penalty",
    chatTemplate: "chat template",
    tokenizerMaxLength: "model_max_length",
    "cache.bytesPerToken.f16": "cache per token (f16)",
    "weights.types": "weights",
    family: "family",
    parameters: "parameters",
  },
  origin: ({ origin }) =>
    origin === "published"
      ? "published configuration, built in; no file was read"
      : "from its files; no weights were read",
  tokens: (count) => `${count} tokens`,
  parameters: (count) => {
    if (count >= 1e9) return `${(count / 1e9).toFixed(2)} B`;
    return count >= 1e5 ? `${(count / 1e6).toFixed(2)} M` : `${(count / 1e3).toFixed(1)} K`;
  },
  layers: ({ config }) =>
    `${config.num_hidden_layers}, hidden size ${config.hidden_size}, ${config.num_attention_heads} heads, ${config.num_key_value_heads} for keys and values`,
  vocabulary: ({ config }) => `${config.vocab_size} tokens`,
  weights: ({ weights, origin }) =>
    weights
      ? `${Object.keys(weights.types).join(", ")}, ${formatBytes(weights.bytes)}, ${weights.files === 1 ? "1 file" : `${weights.files} files`}`
      : origin === "published"
        ? "not built in"
        : "no safetensors files",
  method: ({ encoding, context }) => {
    if (encoding.method === "default") return "default: plain rotation, no scaling";
    return `${encoding.method}, declared, factor ${formatFactor(context.maximumFactor)}`;
  },
  headDimension: ({ encoding }) => `${encoding.headDim}, that is ${encoding.pairs} pairs`,
  extendedWindow: (inspection) => {
    const { context } = inspection;
    switch (extensionState(inspection)) {
      case "not-needed":
        return "not needed";
      case "available":
        return `up to ${suggestedWindow(inspection)} tokens, once YaRN is enabled`;
      case "declared":
        return `${context.extendedWindow} tokens, YaRN declared`;
      case "trained":
        return `${context.extendedWindow} tokens`;
      case "impossible":
        return "none";
    }
  },
  wavelengths: (range, isScaled) => `${range} tokens a turn${isScaled ? ", without the scaling" : ""}`,
  sampling: ({ sampling }) => {
    const { temperature, topK, topP, minP, repetitionPenalty } = sampling;
    const parts = [
      temperature === 0 ? "greedy (the most likely token)" : `temperature ${temperature}`,
      ...(temperature > 0 && topK > 0 ? [`top-k ${topK}`] : []),
      ...(temperature > 0 && topP < 1 ? [`top-p ${topP}`] : []),
      ...(temperature > 0 && minP > 0 ? [`min-p ${minP}`] : []),
      ...(repetitionPenalty === 1 ? [] : [`repetition penalty ${repetitionPenalty}`]),
    ];
    return parts.join(", ");
  },
  chatTemplate: ({ chatTemplate, origin }) =>
    ({
      own: "comes with the model",
      qwen2: "none of its own; Qwen2's is used",
      none: "none; give a prompt, not messages",
      unknown: origin === "published" ? "not built in; see the model's files" : "unknown",
    })[chatTemplate],
  yes: "yes",
  no: "no",
  none: "none",
  nothing: "nothing",
  cacheWindow: {
    native: "within the native window",
    extended: "within the extended window",
    none: "longer than any window of this model",
  },

  contextSummary: (inspection) => {
    const { nativeWindow, extendedWindow, declared, maximumFactor } = inspection.context;
    switch (extensionState(inspection)) {
      case "not-needed":
        return `All ${nativeWindow} tokens work with no setting at all.`;
      case "available":
        return `${nativeWindow} tokens work with no setting. The ${ordinal(nativeWindow + 1)} is refused with a ContextLengthError until an extension is enabled; nothing is cut off or wrapped silently.`;
      case "declared":
        return `Up to ${extendedWindow} tokens work with no setting, because the configuration enables YaRN. A request that fits into ${nativeWindow} is computed as without it; \`context: { extend: "none" }\` turns it off.`;
      case "trained":
        return `Up to ${extendedWindow} tokens work with no setting. The ${declared} scaling of factor ${formatFactor(maximumFactor)} is part of how the model was trained, and stays as it is.`;
      case "impossible":
        return `${nativeWindow} tokens work with no setting, and no extension can be put on this encoding.`;
    }
  },
  yarnSummary: (inspection) => {
    const { context, encoding, yarn } = inspection;
    if (yarn === null) return `YaRN cannot be put on ${encoding.method} scaling with theta ${encoding.theta}.`;
    if (context.method === "trained" && !yarn.declared) {
      return `It could be asked for in place of the ${encoding.method} scaling that the model has; that is not what the model was made for.`;
    }
    if (context.method === "trained") return "It is part of how the model was trained.";
    if (yarn.declared)
      return "The configuration enables it; nothing has to be set. Other engines apply it at every length: `--for` tells what that costs.";
    if (!yarn.needed) {
      return `No extension is needed: the native window of ${context.nativeWindow} tokens is as long already as YaRN is known to carry these models. What it would do all the same:`;
    }
    return "Not enabled. What it does once it is:";
  },
  schedule: ({ yarn }) => {
    if (yarn?.schedule === "static") return "static: every request is scaled by the largest factor, short ones too";
    const steps =
      yarn?.steps === "continuous" ? "factor" : `of the factors ${(yarn?.steps ?? []).map(formatFactor).join(", ")}`;
    return `dynamic: each request gets the least ${steps} that its length needs; what fits into the native window is computed bit for bit as without YaRN`;
  },
  pictureCaption: ({ encoding }, factor) =>
    `How far each of the ${encoding.pairs} pairs of a head is slowed down at factor ${factor}`,
  windowMarker: (window) => `original window, ${window} tokens`,
  axisCaption: "wavelength: tokens in which a pair turns once",
  pairEffects: (factor) => ({
    kept: "turn as they were trained",
    blended: "between the two",
    interpolated: `turn ${factor} times slower`,
  }),
  weightsNotBuiltIn:
    "The weights are not built in: the first use of the name downloads them from the Hub, as skein pull does.",

  noFindings: "none found",
  fix: "fix: ",
  finding: ({ message, fix }) => ({ message, fix }),

  noDifferences: "Nothing that matters for running them differs.",
  meaning: describeMeaning,
};

const subject = { both: "Both models", colon: ": ", gap: " " };

function describeMeaning(a: ModelInspection, b: ModelInspection): readonly string[] {
  const pair = [a, b] as const;
  const each = (say: (inspection: ModelInspection) => string) => sayOfEach(pair, subject, say);
  const texts = [
    `Window. ${each(describeWindow)}`,
    `Scaling. ${each(describeScaling)}`,
    `To enable. ${each(describeEnabling)}${pair.some(needsFolder) ? ` ${english.weightsNotBuiltIn}` : ""}`,
    `End token. ${each(describeEnd)}${describeTurns(a, b)}`,
    `Memory. ${each(describeCache)} Only the tokens of a request take memory, not the window that is enabled.`,
  ];
  if (english.sampling(a) !== english.sampling(b)) texts.push(`Sampling. ${each((i) => `${english.sampling(i)}.`)}`);
  if (a.parameters !== b.parameters)
    texts.push(`Size. ${each((i) => `${english.parameters(i.parameters)} parameters.`)}`);
  return texts;
}

function describeWindow(inspection: ModelInspection): string {
  const { nativeWindow, extendedWindow } = inspection.context;
  if (extensionState(inspection) === "available") {
    return `${nativeWindow} tokens with no setting; the ${ordinal(nativeWindow + 1)} is refused with a ContextLengthError, never cut off silently.`;
  }
  if (extendedWindow > nativeWindow) return `${extendedWindow} tokens with no setting, ${nativeWindow} of them native.`;
  return `${nativeWindow} tokens with no setting, all of them native.`;
}

function describeScaling(inspection: ModelInspection): string {
  const { context, encoding, yarn } = inspection;
  const rope = `RoPE with theta ${encoding.theta}`;
  const reach = (yarn?.factors ?? [])
    .map(
      (step) =>
        `factor ${formatFactor(step.factor)} reaches ${step.extendedWindow} tokens (attention scaling ${formatScaling(step.attentionScaling)})`,
    )
    .join(", ");
  const inside = `what fits into ${context.nativeWindow} tokens is computed bit for bit as without YaRN.`;
  switch (extensionState(inspection)) {
    case "not-needed":
      return `${rope}, unscaled to the end of its window (factor 1, attention scaling 1); no extension is needed.`;
    case "available":
      return `${rope}, unscaled up to ${context.nativeWindow} tokens; beyond that YaRN stretches it: ${reach}. The schedule is ${yarn?.schedule}: ${inside}`;
    case "declared":
      return `${rope} and YaRN, which the configuration enables: ${reach}. The schedule is ${yarn?.schedule}: ${inside}`;
    case "trained":
      return `${rope} and ${encoding.method} scaling of factor ${formatFactor(context.maximumFactor)} (attention scaling ${formatScaling(encoding.attentionScaling)}), which the model was trained with and which stays on.`;
    case "impossible":
      return `${rope}, ${encoding.method}; no extension can be put on it.`;
  }
}

function describeEnabling(inspection: ModelInspection): string {
  const { nativeWindow, extendedWindow } = inspection.context;
  switch (extensionState(inspection)) {
    case "available":
      return `from token ${nativeWindow + 1} to ${suggestedWindow(inspection)} YaRN has to be enabled, in a program by \`${enablingOption(inspection)}\`, on the command line by \`${enablingCommand(inspection)}\`.`;
    case "not-needed":
    case "declared":
    case "trained":
      return `nothing; all ${extendedWindow} tokens work as it is.`;
    case "impossible":
      return `nothing can be; ${nativeWindow} tokens are the end.`;
  }
}

function needsFolder(inspection: ModelInspection): boolean {
  return inspection.origin === "published" && extensionState(inspection) === "available";
}

function describeEnd(inspection: ModelInspection): string {
  const { endTokens } = inspection;
  if (endTokens.length === 0) return "none; an answer ends only at maxTokens or a stop text.";
  return `an answer ends at ${formatEndTokens(inspection, " or ")}.`;
}

/** What the end of a chat turn means where only one of the two stops there. */
function describeTurns(a: ModelInspection, b: ModelInspection): string {
  const ofTurn = (i: ModelInspection) => i.endTokens.find(({ text }) => text === "<|im_end|>");
  const [stops, runsOn] = ofTurn(a) ? [a, b] : [b, a];
  const token = ofTurn(stops);
  if (token === undefined || runsOn.endTokens.some(({ id }) => id === token.id)) return "";
  return ` ${token.id} closes a turn of a chat: ${stops.name} answers messages and stops there; ${runsOn.name} continues text, and in a chat would write on past the end of its turn unless a request names the token in \`endTokens\`.`;
}

function describeCache({ cache }: ModelInspection): string {
  const { q8, f16, f32 } = cache.bytesPerToken;
  const totals = [32768, 131072].map((tokens) => `${formatBytes(f16 * tokens)} for ${tokens}`).join(", ");
  return `${formatBytes(f16)} a token in f16 (${formatBytes(f32)} in f32, ${formatBytes(q8)} in q8), that is ${totals} tokens.`;
}

function ordinal(count: number): string {
  const isTeen = Math.floor(count / 10) % 10 === 1;
  const ending = isTeen ? "th" : (["th", "st", "nd", "rd"][count % 10] ?? "th");
  return `${count}${ending}`;
}
