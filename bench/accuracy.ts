import { interruption } from "../src/cli/node/interruption.ts";
import { createProgressLine } from "../src/cli/node/progress.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { type LoadOptions, loadModel } from "../src/index.ts";
import { divergence, logitsOf } from "../test/quantised-models.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "./command.ts";
import { dequantiseCheckpoint } from "./dequantised-checkpoint.ts";
import { describeMachine } from "./machine.ts";
import { parseCount } from "./options.ts";
import { randomTokens } from "./random-tokens.ts";
import { synthesizeCheckpoint } from "./synthetic-checkpoint.ts";
import { openWorkspace } from "./workspace.ts";

interface Flags extends CommonFlags {
  readonly tokens: number;
  readonly seed: number;
  readonly range?: number;
}

const layers = 4;
const vocabulary = 4096;
/** Nats a token. */
const entropies = [4, 3, 2.5, 2];

const command = createBenchCommand("npm run bench:accuracy --", {
  description:
    "Measure how far 4-bit weights are from the reference backend with the same numbers: mean KL divergence a token, of a random model of the shape's width, four layers and 4096 tokens.",
  runs: undefined,
})
  .option("--tokens <n>", "length of the text; a q8 cache is one from 129 on", parseCount, 32)
  .option("--seed <n>", "of the random weights", parseCount, 1)
  .option("--range <deviation>", "of all matrices, as transformers' initializer_range (default: 1/√inputs)", Number)
  .addHelpText(
    "after",
    `
Random models are unsure of what comes next. Their logits are multiplied by what makes the mean entropy ${entropies.join(", ")} nats, as a larger output
matrix would do it. The reference takes minutes for the 7b shape, and 4 GB of memory.

Examples:
  $ npm run bench:accuracy
  $ npm run bench:accuracy -- --shape 7b --range 0.02
  $ npm run bench:accuracy -- --shape 1.5b --tokens 200 --seed 2 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, threads, folder, tokens, seed, range, json }: Flags): Promise<void> {
  const { signal } = interruption;
  const small = { ...shape, num_hidden_layers: layers, vocab_size: vocabulary, tie_word_embeddings: false };
  const progress = createProgressLine();
  const show = (label: string) => (completed: number, total: number) =>
    progress.update(label, completed, total, "bytes");
  try {
    const { checkpoints } = await openWorkspace(folder);
    const random = await synthesizeCheckpoint(small, {
      folder: checkpoints,
      name: `qwen2-${shape.name}-${layers}-layers`,
      seed,
      ...(range === undefined ? {} : { initializerRange: range }),
      signal,
      onProgress: show("Writing a random model"),
    });
    const checkpoint = await dequantiseCheckpoint(random, { signal, onProgress: show("Rounding it to 4 bits") });
    const text = randomTokens(tokens, vocabulary);
    const compute = async (label: string, options: LoadOptions): Promise<Float32Array> => {
      await using model = await loadModel(checkpoint, {
        ...options,
        signal,
        onProgress: ({ completed, total }) => show(`${label}: loading`)(completed, total),
        onWarning: () => {}, // there is no tokenizer
      });
      progress.update(`${label}: computing`, 0, tokens, "tokens");
      return await logitsOf(model, text);
    };
    const expected = await compute("Reference", { backend: "reference" });
    const exactCache = await compute("f32 cache", { weights: "q4", cache: "f32", threads });
    const quantisedCache = await compute("q8 cache", { weights: "q4", cache: "q8", threads });
    progress.clear();
    const rows = entropies.map((entropy) => {
      const factor = factorFor(expected, entropy);
      const [a, b, c] = [expected, exactCache, quantisedCache].map((logits) => logits.map((logit) => logit * factor));
      const { divergence: f32, entropy: found } = divergence(a!, b!, vocabulary);
      return { entropy: found, factor, f32, q8: divergence(a!, c!, vocabulary).divergence };
    });
    if (json) {
      printJson({ shape: shape.name, layers, vocabulary, tokens, seed, range, rows, machine: describeMachine() });
      return;
    }
    const head = ["entropy", "logits ×", "KL, f32 cache", "KL, q8 cache"].map((title) => style("dim", title));
    const lines = rows.map(({ entropy, factor, f32, q8 }) => [
      entropy.toFixed(2),
      factor.toFixed(2),
      f32.toExponential(1),
      q8.toExponential(1),
    ]);
    print(table([head, ...lines], "rrrr"));
  } finally {
    progress.clear();
  }
}

/** @returns by what logits have to be multiplied for a mean entropy: the larger the factor, the surer they are */
function factorFor(logits: Float32Array, entropy: number): number {
  let [least, most] = [1e-3, 1e3];
  while (most / least > 1.0001) {
    const factor = Math.sqrt(least * most);
    const scaled = logits.map((logit) => logit * factor);
    if (divergence(scaled, scaled, vocabulary).entropy > entropy) least = factor;
    else most = factor;
  }
  return least;
}
