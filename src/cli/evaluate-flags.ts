import { Command, InvalidArgumentError, Option } from "commander";
import { type Language, languages } from "../evaluation/language.ts";
import { methodNames } from "../evaluation/method.ts";
import { type SuiteName, suites } from "../evaluation/result.ts";
import type { ModelFlags } from "./model-flags.ts";
import { parseFactor, parseWhole } from "./parse.ts";

/** What `skein evaluate` is asked for. */
export interface EvaluateFlags
  extends Pick<ModelFlags, "weights" | "embeddings" | "cache" | "backend" | "threads" | "nativeWindow"> {
  readonly suites: readonly SuiteName[];
  readonly tasks?: readonly string[];
  readonly methods: readonly string[];
  readonly factors?: readonly number[];
  readonly lengths: readonly string[];
  readonly samples: number;
  readonly share: number;
  readonly seed: number;
  readonly text?: string;
  readonly endpoint?: string;
  readonly model?: string;
  readonly keyEnv: string;
  readonly chat?: true;
  readonly concurrency?: number;
  readonly resume?: true;
  readonly report?: string;
  readonly force?: true;
  readonly from?: string;
  readonly compare?: readonly string[];
  readonly lang: Language;
  readonly json?: true;
}

/** A cell is known to a per cent with ten thousand; more are a slip. */
const mostSamples = 10_000;

export function createEvaluateFlags(): Command {
  return new Command("evaluate")
    .description(
      "Measure what scaling does to quality, in and beyond the window: of a model, or of a server with an OpenAI-compatible API.",
    )
    .argument(
      "[model]",
      "a folder, GGUF file, URL or Hub id (default: the model that comes with Skein); with --endpoint: the same weights, to compare with",
    )
    .addOption(
      listOption("--suites", `what to measure, of ${suites.join(", ")}`, parseSuites, ["passkey", "perplexity"]),
    )
    .option("--tasks <list>", "tasks of the suite retrieval, as niah_single_1,vt (default: all)", parseList)
    .addOption(
      listOption("--methods", `what to compare, of ${methodNames.join(", ")}`, parseList, [
        "none",
        "yarn-static",
        "yarn-dynamic",
      ]),
    )
    .option("--factors <list>", "largest factors of the methods, as 2,4 (default: 4)", parseFactors)
    .addOption(
      listOption("--lengths", "multiples of the native window, as 2x, or tokens, as 32768 or 32K", parseList, [
        "0.5x",
        "1x",
        "2x",
        "4x",
      ]),
    )
    .option("--samples <n>", "questions, or passages of text, for each method and length", parseSamples, 60)
    .option("--share <n>", "pass keys that share a text: faster, and worth less than as many texts", parseSamples, 1)
    .option("--seed <n>", "chooses texts, keys and places", parseWhole, 1)
    .option("--text <file>", "the text to hide things in and to score (default: the one that comes with Skein)")
    .addOption(new Option("--weights <type>", "how weights are kept").choices(["f32", "f16", "bf16", "q8", "q4"]))
    .addOption(
      new Option("--embeddings <type>", "the same for embedding and output").choices([
        "f32",
        "f16",
        "bf16",
        "q8",
        "q4",
      ]),
    )
    .addOption(
      new Option("--cache <type>", "how keys and values are kept (default: f32)").choices(["f32", "f16", "q8"]),
    )
    .addOption(new Option("--backend <name>", "what computes").choices(["auto", "wasm", "reference"]))
    .option("--threads <n>", "threads to compute on (default: all cores)", parseWhole)
    .option("--native-window <tokens>", "in place of what the configuration says; of a server: what 1x is", parseWhole)
    .option("--endpoint <url>", "evaluate a server: the address of its API, as http://localhost:8000/v1")
    .option("--model <name>", "the server's name of the model")
    .option("--key-env <name>", "the environment variable that holds the server's key", "OPENAI_API_KEY")
    .option("--chat", "ask the server by chat completions")
    .option("--concurrency <n>", "requests to the server at once (default: 2)", parseWhole)
    .option("--resume", "go on with an interrupted run of the same settings")
    .option("--report <file>", "also write a page with charts, which needs no network")
    .option("--force", "replace a report that is there")
    .option("--from <file>", "show a result that --json printed, and compute nothing")
    .option("--compare <files...>", "two results that --json printed: what differs, and whether it is significant")
    .addOption(new Option("--lang <language>", "language of what is shown").choices(languages).default("en"))
    .option("--json", "one JSON object: cells, samples, settings")
    .addHelpText(
      "after",
      `
Examples:
  $ skein evaluate                                    the model that comes with Skein; two minutes
  $ skein evaluate ./Qwen2-7B-Instruct --weights q4 --lengths 16K,32K,64K --samples 20 --report yarn.html
  $ skein evaluate --methods none,linear,ntk,yarn-static,yarn-dynamic --samples 240 --json > all.json
  $ skein evaluate --from all.json --report all.html
  $ skein evaluate --compare before.json after.json
  $ skein evaluate --suites consistency,speed
  $ skein evaluate --endpoint http://localhost:8000/v1 --model Qwen/Qwen2-7B-Instruct --native-window 32768`,
    );
}

function listOption(
  flag: string,
  description: string,
  parse: (text: string) => readonly string[],
  usual: readonly string[],
): Option {
  return new Option(`${flag} <list>`, description).argParser(parse).default(usual, usual.join(","));
}

function parseList(text: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.includes("")) throw new InvalidArgumentError("It must be a list, as a,b,c.");
  return [...new Set(parts)];
}

function parseSuites(text: string): readonly SuiteName[] {
  return parseList(text).map((name) => {
    const suite = suites.find((known) => known === name);
    if (!suite)
      throw new InvalidArgumentError(`There is no suite ${JSON.stringify(name)}; there are ${suites.join(", ")}.`);
    return suite;
  });
}

function parseFactors(text: string): readonly number[] {
  return parseList(text).map(parseFactor);
}

function parseSamples(text: string): number {
  const count = parseWhole(text);
  if (count < 1 || count > mostSamples) throw new InvalidArgumentError(`It must be from 1 to ${mostSamples}.`);
  return count;
}
