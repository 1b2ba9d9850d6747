import { type Command, Option } from "commander";
import { type ContextOptions, type ContextSettings, type LoadOptions, loadModel, type Model } from "../index.ts";
import { agreeToDownload } from "./download.ts";
import { noteWarning, UsageError } from "./errors.ts";
import { interruption } from "./node/interruption.ts";
import type { ProgressLine } from "./node/progress.ts";
import { type AdapterFlag, parseFactor, parseOnlyAdapter, parseSteps, parseWhole } from "./parse.ts";

/** Flags of every command that loads a model. */
export interface ModelFlags {
  readonly yarn?: true;
  readonly extend?: NonNullable<ContextOptions["extend"]>;
  readonly factor?: number;
  readonly schedule?: NonNullable<ContextOptions["schedule"]>;
  readonly steps?: readonly number[] | "continuous";
  readonly growth?: NonNullable<ContextOptions["growth"]>;
  readonly nativeWindow?: number;
  readonly allowBeyondWindow?: true;
  readonly weights?: NonNullable<LoadOptions["weights"]>;
  readonly embeddings?: NonNullable<LoadOptions["embeddings"]>;
  readonly cache?: NonNullable<LoadOptions["cache"]>;
  readonly backend?: NonNullable<LoadOptions["backend"]>;
  readonly threads?: number;
  readonly kernels?: NonNullable<LoadOptions["kernels"]>;
  readonly adapter?: AdapterFlag;
}

const weightTypes = ["f32", "f16", "bf16", "q8", "q4"];

export function addModelFlags(command: Command): Command {
  return command
    .option(
      "--adapter <name=path>",
      "a LoRA beside the model; with ,window=N and ,factor=N where it was tuned at a length of its own",
      parseOnlyAdapter,
    )
    .option("--yarn", "let the window be extended by YaRN, only as far as an input needs")
    .addOption(
      new Option("--extend <how>", "how the window may be extended").choices([
        "declared",
        "none",
        "yarn",
        "linear",
        "ntk",
      ]),
    )
    .option("--factor <n>", "the largest factor of the window (default: 4, or the declared one)", parseFactor)
    .addOption(
      new Option("--schedule <how>", "dynamic: the factor that the input needs; static: always the largest").choices([
        "dynamic",
        "static",
      ]),
    )
    .option("--steps <list>", "factors to choose from, as 1,2,4, or continuous", parseSteps)
    .addOption(
      new Option(
        "--growth <how>",
        "when a conversation outgrows its factor: recompute is exact, rerotate cheap",
      ).choices(["recompute", "rerotate"]),
    )
    .option("--native-window <tokens>", "in place of what the configuration says", parseWhole)
    .option("--allow-beyond-window", "accept tokens past the extended window, to see what goes wrong")
    .addOption(new Option("--weights <type>", "how weights are kept (default: as in the files)").choices(weightTypes))
    .addOption(
      new Option("--embeddings <type>", "the same for embedding and output (default: as --weights; q8 for q4)").choices(
        weightTypes,
      ),
    )
    .addOption(
      new Option("--cache <type>", "how keys and values are kept (default: f32)").choices(["f32", "f16", "q8"]),
    )
    .addOption(
      new Option("--backend <name>", "what computes (default: auto, which is wasm)").choices([
        "auto",
        "wasm",
        "reference",
      ]),
    )
    .option("--threads <n>", "threads to compute on (default: all cores)", parseWhole)
    .addOption(
      new Option(
        "--kernels <variant>",
        "with vectors of 256 bits, with relaxed SIMD, with it in pairs of bytes, or without it (default: auto, the fastest here)",
      ).choices(["auto", "wide", "relaxed", "pairs", "plain"]),
    );
}

/** Loads a model as the flags say; warnings go to stderr, and nothing is left on the progress line, whose timer would keep the process alive. */
export async function loadFromFlags(source: string, flags: ModelFlags, progress: ProgressLine): Promise<Model> {
  const { backend, weights, embeddings, cache, threads, kernels, adapter } = flags;
  try {
    const model = await loadModel(source, {
      backend,
      weights,
      embeddings,
      cache,
      threads,
      kernels,
      ...(adapter && { adapters: { [adapter.name]: adapter } }),
      context: contextOf(flags),
      download: agreeToDownload,
      signal: interruption.signal,
      onProgress: ({ phase, completed, total }) =>
        progress.update(phase === "download" ? "Downloading" : "Loading", completed, total, "bytes"),
      onWarning: noteWarning,
    });
    const useless = windowsOf(model, flags).method === "none" ? ofScaling(flags) : undefined;
    if (useless !== undefined)
      noteWarning({
        message: `${useless} does nothing here: nothing extends the model's window; add --yarn (or --extend)`,
      });
    return model;
  } finally {
    progress.clear();
  }
}

/** The flag, if one is given, that says how a window is extended. */
function ofScaling({ schedule, steps, growth }: ModelFlags): string | undefined {
  if (schedule === "dynamic") return "--schedule dynamic";
  return steps !== undefined ? "--steps" : growth !== undefined ? "--growth" : undefined;
}

/** The windows of the sequences that a command computes: the adapter's, where there is one. */
export function windowsOf(model: Model, { adapter }: ModelFlags): ContextSettings {
  return (adapter && model.adapters.get(adapter.name)?.context) ?? model.context;
}

function contextOf(flags: ModelFlags): ContextOptions {
  const { yarn, factor, schedule, steps, growth, nativeWindow, allowBeyondWindow } = flags;
  if (yarn && flags.extend !== undefined && flags.extend !== "yarn")
    throw new UsageError(`--yarn contradicts --extend ${flags.extend}`);
  if (factor !== undefined && !yarn && flags.extend === undefined) {
    throw new UsageError("--factor needs to know what it is a factor of: add --yarn (or --extend)");
  }
  return { extend: yarn ? "yarn" : flags.extend, factor, schedule, steps, growth, nativeWindow, allowBeyondWindow };
}
