import { openSource } from "#platform";
import { type CheckpointFiles, readJson } from "../checkpoint/files.ts";
import { parseModelId } from "../checkpoint/hub/model-id.ts";
import { inFile } from "../checkpoint/in-file.ts";
import { hasWeights, noWeights } from "../checkpoint/shards.ts";
import { openTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import { diagnoseContext } from "../context/diagnose.ts";
import { chooseEncoding, resolveEncoding } from "../context/encoding.ts";
import { readContextOptions } from "../context/options.ts";
import { factorFor } from "../context/plan.ts";
import { type ContextSettings, resolveContext } from "../context/settings.ts";
import { InvalidOptionError, SkeinError, show } from "../errors.ts";
import { expectedTensors, type ModelConfig, optionalTensors, parseModelConfig } from "../model/config.ts";
import { type GenerationDefaults, parseGenerationConfig } from "../model/generation-config.ts";
import { findPublishedConfig, type PublishedConfig, publishedConfigs } from "../model/published.ts";
import { readRotaryParameters, resolveRotaryEncoding } from "../position/index.ts";
import type { AdapterPlan } from "./adapter-inspection.ts";
import { checkOptions } from "./check-options.ts";
import { diagnoseCheckpoint } from "./diagnose-checkpoint.ts";
import { diagnoseEndTokens } from "./diagnose-end-tokens.ts";
import { type ConfigurationFiles, diagnosePlaces } from "./diagnose-places.ts";
import { diagnoseUse } from "./diagnose-use.ts";
import { eitherSignal } from "./either-signal.ts";
import { planAdapter } from "./inspect-adapter-files.ts";
import { inspectCache } from "./inspect-cache.ts";
import { closingAfter, findPlace } from "./inspect-place.ts";
import { readTokenizerFacts, type TokenizerFacts } from "./inspect-tokenizer.ts";
import { inspectWeights } from "./inspect-weights.ts";
import { inspectYarn } from "./inspect-yarn.ts";
import type { EncodingInspection, HubAddress, InspectOptions, ModelInspection } from "./inspection.ts";
import { orAborted } from "./or-aborted.ts";
import { readConfiguration } from "./read-configuration.ts";
import { checkAdapter, listAdapters } from "./send-adapter.ts";
import { sendGguf } from "./send-gguf.ts";
import type { ModelSource, SourceDescription } from "./source.ts";

// The package has one file for the two: what they share would be one more that every program reads.
export { inspectAdapterAlone } from "./inspect-adapter-files.ts";

/** What `inspectModel` does; apart from it, because most programs never inspect a model. */
export async function inspectFiles(source: ModelSource, options: InspectOptions): Promise<ModelInspection> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  return await orAborted(inspectAll(source, options), signal);
}

async function inspectAll(source: ModelSource, options: InspectOptions): Promise<ModelInspection> {
  const { nativeWindow, signal } = options;
  const adapters = listAdapters(options.adapters ?? {}).map(
    ([name, adapter]) => [name, checkAdapter(name, adapter)] as const,
  );
  const inspection = await inspectAlone(source, options);
  const base = { config: inspection.config, nativeWindow, yarn: inspection.yarn };
  const plans: AdapterPlan[] = [];
  for (const [name, adapter] of adapters) plans.push(await planAdapter(name, adapter, base, signal));
  return { ...inspection, adapters: plans };
}

async function inspectAlone(source: ModelSource, options: InspectOptions): Promise<ModelInspection> {
  const { factor, nativeWindow, context, signal } = options;
  readContextOptions({ factor, nativeWindow });
  if (context !== undefined) checkLength(context);
  const { place, hub } = await findPlace(source, { findBuiltIn: findPublishedConfig, signal });
  if ("config" in place) return inspect(readPublished(place), hub && { ...hub, repository: place.name }, options);
  const inspectNamed = (facts: ModelFacts): ModelInspection =>
    inFile(`config.json in ${facts.name}`, () => inspect(facts, hub, options));
  if ("read" in place) return inspectNamed(await closingAfter(place, signal, () => readCheckpoint(place, source)));
  const sent = sendGguf(place);
  try {
    const read = readSource(sent?.description ?? place, source, signal);
    return inspectNamed(await orAborted(read, eitherSignal(signal, sent?.failed)));
  } finally {
    sent?.stop();
  }
}

async function readSource(
  description: SourceDescription,
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<ModelFacts> {
  const files = await openSource(description, undefined, signal).catch((error: unknown) => {
    throw description.kind === "folder" ? unknownName(description.path, error) : error;
  });
  return await closingAfter(files, signal, () => readCheckpoint(files, source));
}

/** What is known about a model before anything is made of it. */
interface ModelFacts extends Pick<ModelInspection, "name" | "origin" | "format"> {
  readonly files: ConfigurationFiles;
  readonly config: ModelConfig;
  readonly defaults: GenerationDefaults;
  readonly tokenizer: TokenizerFacts;
  readonly tensors: TensorIndex | undefined;
  /** Why the weights that there are cannot be read. */
  readonly refusal?: string | undefined;
}

function inspect(
  facts: ModelFacts,
  hub: HubAddress | null,
  { factor, nativeWindow, context: length }: InspectOptions,
): ModelInspection {
  const { name, origin, format, files, config, defaults, tokenizer, tensors, refusal } = facts;
  const context = resolveContext(config, { nativeWindow });
  const yarn = inspectYarn(config, context, { factor, nativeWindow });
  const endTokens = defaults.endTokens.map((id) => ({ id, text: tokenizer.texts.get(id) ?? null }));
  const { temperature, topK, topP, minP = 0, repetitionPenalty, notFollowed } = defaults;
  const { maxLength: tokenizerMaxLength, chatTemplate } = tokenizer;
  return {
    name,
    origin,
    hub,
    format,
    family: config.model_type,
    config,
    parameters: [...expectedTensors(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
    weights: tensors ? inspectWeights(tensors, optionalTensors(config)) : null,
    context,
    encoding: inspectEncoding(config, context),
    yarn,
    cache: inspectCache(config, context, yarn),
    endTokens,
    sampling: { temperature, topK, topP, minP, repetitionPenalty },
    chatTemplate,
    tokenizerMaxLength,
    adapters: [],
    warnings: [
      ...diagnoseContext(config, { nativeWindow }),
      ...diagnosePlaces(files),
      ...diagnoseUse({ format, config, context, yarn, tokenizerMaxLength, length }),
      ...diagnoseEndTokens({ config, endTokens, tokenizer }),
      ...diagnoseCheckpoint({ config, context, yarn, notFollowed, tokenizerMaxLength, tensors, refusal }),
    ],
  };
}

/** The two control tokens of Qwen2 that end texts and turns; the published configurations come without a tokenizer. */
const qwen2Tokens: ReadonlyMap<number, string> = new Map([
  [151643, "<|endoftext|>"],
  [151645, "<|im_end|>"],
]);

function readPublished({ name, config: json, generationConfig }: PublishedConfig): ModelFacts {
  const config = parseModelConfig(json);
  return {
    name,
    origin: "published",
    format: "checkpoint",
    files: { config: json, generationConfig, tokenizerConfig: undefined },
    config,
    defaults: parseGenerationConfig(generationConfig, config),
    tokenizer: { texts: qwen2Tokens, maxLength: null, endToken: null, chatTemplate: "unknown", turnEnds: [] },
    tensors: undefined,
  };
}

async function readCheckpoint(files: CheckpointFiles, source: ModelSource): Promise<ModelFacts> {
  const { config, defaults, files: parsed } = await readConfiguration(files);
  const tokenizerConfig = await readJson(files, "tokenizer_config.json");
  return {
    name: typeof source === "string" ? source : source instanceof URL ? source.href : files.label,
    origin: "checkpoint",
    format: files.tensors ? "gguf" : "checkpoint",
    files: { ...parsed, tokenizerConfig },
    config,
    defaults,
    tokenizer: await readTokenizerFacts(files, tokenizerConfig),
    ...(await readWeights(files)),
  };
}

/** A configuration alone is enough, unless an adapter is there with it; weights that cannot be read are not what the user takes them for. */
async function readWeights(files: CheckpointFiles): Promise<Pick<ModelFacts, "tensors" | "refusal">> {
  if (files.tensors) return { tensors: files.tensors };
  if (await hasWeights(files)) return { tensors: await openTensors(files) };
  const error = await noWeights(files);
  if (error.code === "adapter_without_base") throw error;
  return { tensors: undefined, refusal: error.code === "not_found" ? undefined : error.message };
}

function inspectEncoding(config: ModelConfig, context: ContextSettings): EncodingInspection {
  const { method, theta, headDim, pairs } = readRotaryParameters(config);
  const factor = factorFor(context, 1);
  const { attentionScaling } = resolveEncoding(config, chooseEncoding(context, factor));
  const plain = resolveRotaryEncoding(config, { method: "default" });
  const wavelengths = Array.from(plain.inverseFrequencies, (frequency) => (2 * Math.PI) / frequency);
  return { method, theta, headDim, pairs, factor, attentionScaling, wavelengths };
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** @throws InvalidOptionError */
function checkLength(tokens: number): void {
  if (Number.isSafeInteger(tokens) && tokens >= 1) return;
  throw new InvalidOptionError("context", `must be a number of tokens, at least 1, not ${show(tokens)}`);
}

/** A text that names no folder was probably meant as a name; the Hub cannot be asked. */
function unknownName(name: string, error: unknown): unknown {
  const isPath = /\.gguf$/i.test(name) || (/[/\\]/.test(name) && parseModelId(name) === undefined);
  if (isPath || !(error instanceof SkeinError && error.code === "not_found")) return error;
  const known = [...publishedConfigs.keys()].join(", ");
  return new SkeinError(
    "not_found",
    `${name}: there is no such folder, no such model in the Hub's cache, and no such name among the published configurations that are built in (${known})`,
    { cause: error },
  );
}
