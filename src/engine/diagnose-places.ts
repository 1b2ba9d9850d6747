import type { Diagnosis } from "../context/diagnosis.ts";

/** The files of a checkpoint that may hold a scaling block, as they were parsed. */
export interface ConfigurationFiles {
  readonly config: unknown;
  readonly generationConfig: unknown;
  readonly tokenizerConfig: unknown;
}

/** Names of what is odd about where a scaling stands; stable across versions. */
export type PlaceDiagnosisCode = "scaling_is_not_read" | "rope_parameters_is_new";

type Found = Diagnosis<PlaceDiagnosisCode> | undefined;

/** Scaling that stands where it has no effect: in none of the engines, or in some of them only. */
export function diagnosePlaces(files: ConfigurationFiles): readonly Diagnosis<PlaceDiagnosisCode>[] {
  return [diagnoseUnread(files), diagnoseNewBlock(files)].filter((diagnosis) => diagnosis !== undefined);
}

/** Fields of `config.json` for parts of a larger model; one of text alone has its scaling at the top. */
const parts = ["text_config", "llm_config", "language_config", "thinker_config", "model_config", "generation_config"];
/** What people write in place of `rope_scaling`. */
const lookalikes = ["rope_scale", "rope-scaling", "ropeScaling", "rope_scaling_config", "rope_config", "yarn"];
const blocks = ["rope_scaling", "rope_parameters"];
/** Keys of the block that are lost outside of it. */
const innerKeys = ["rope_type", "scaling_factor", "rope_scaling_factor", "rope_factor"];

function diagnoseUnread({ config, generationConfig, tokenizerConfig }: ConfigurationFiles): Found {
  const place =
    unreadPlace(config) ??
    inFile("generation_config.json", firstOf(generationConfig, [...blocks, ...lookalikes])) ??
    inFile("tokenizer_config.json", firstOf(tokenizerConfig, [...blocks, ...lookalikes]));
  if (place === undefined) return undefined;
  const { file, path } = place;
  const hasBlock = blocks.some((name) => isScaling(fieldOf(config, name)));
  return {
    code: "scaling_is_not_read",
    level: "warning",
    message: `${path} in ${file} is not read, neither by Skein nor by other engines: ${hasBlock ? "the block at the top of config.json alone counts" : "the model runs without scaling"}`,
    fix: hasBlock
      ? `remove ${path} from ${file}`
      : `move it into "rope_scaling" at the top of config.json if the scaling is wanted, else remove it`,
    values: { file, path, hasBlock },
  };
}

interface Place {
  readonly file: string;
  readonly path: string;
}

function unreadPlace(config: unknown): Place | undefined {
  for (const part of parts) {
    const name = firstOf(fieldOf(config, part), blocks);
    if (name !== undefined) return { file: "config.json", path: `${part}.${name}` };
  }
  const lookalike = firstOf(config, lookalikes);
  if (lookalike !== undefined) return { file: "config.json", path: lookalike };
  const inner = innerKeys.find((key) => (fieldOf(config, key) ?? "default") !== "default");
  if (inner !== undefined) return { file: "config.json", path: inner };
  // Phi-3 has the original window at the top, beside a block or equal to the final one.
  const original = "original_max_position_embeddings";
  const isLost =
    typeof fieldOf(config, original) === "number" &&
    fieldOf(config, original) !== fieldOf(config, "max_position_embeddings") &&
    !blocks.some((name) => isScaling(fieldOf(config, name)));
  return isLost ? { file: "config.json", path: original } : undefined;
}

function inFile(file: string, path: string | undefined): Place | undefined {
  return path === undefined ? undefined : { file, path };
}

/** transformers 5 writes `rope_parameters`, theta included; transformers 4, and what is built on it, knows neither. */
function diagnoseNewBlock({ config }: ConfigurationFiles): Found {
  if (isPresent(fieldOf(config, "rope_scaling"))) return undefined;
  const block = fieldOf(config, "rope_parameters");
  const method = fieldOf(block, "rope_type") ?? fieldOf(block, "type");
  const lost = [
    ...(typeof method === "string" && /^[a-z0-9_]{1,20}$/.test(method) && isScaling(block)
      ? [`${method} scaling`]
      : []),
    ...(isPresent(fieldOf(block, "rope_theta")) && !isPresent(fieldOf(config, "rope_theta"))
      ? [`rope_theta ${Number(fieldOf(block, "rope_theta"))}`]
      : []),
  ].join(", ");
  if (lost === "") return undefined;
  return {
    code: "rope_parameters_is_new",
    level: "note",
    message: `${lost}: only rope_parameters says it, which transformers 5 reads and transformers 4, with most engines that are built on it, does not; these run with their defaults`,
    fix: `for them, write the scaling as "rope_scaling" and "rope_theta" beside it at the top of config.json`,
    values: { lost },
  };
}

function firstOf(value: unknown, names: readonly string[]): string | undefined {
  return names.find((name) => isScaling(fieldOf(value, name)));
}

/** Whether a block says more than that there is no scaling. */
function isScaling(block: unknown): boolean {
  const method = fieldOf(block, "rope_type") ?? fieldOf(block, "type");
  return (isPresent(method) && method !== "default" && method !== "mrope") || isPresent(fieldOf(block, "factor"));
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
