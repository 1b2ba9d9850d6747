import { openAsBlob } from "node:fs";
import { join } from "node:path";
import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";
import { type LoadOptions, loadModel, type ModelFiles } from "../../../src/index.ts";
import { tokenLogprob } from "../../../src/sampling/logprobs.ts";
import { dequantisedModel } from "../../../test/quantised-models.ts";
import { defaultFolder } from "../../options.ts";
import { randomTokens } from "../../random-tokens.ts";
import { shapes } from "../../shapes.ts";
import { synthesizeCheckpoint } from "../../synthetic-checkpoint.ts";
import { convertToGguf } from "../convert.ts";

/*
 * Shows that llama.cpp has the weights that Skein has: what it predicts from the GGUF file is what Skein predicts from the checkpoint with 4-bit weights,
 * and what the reference backend predicts from the same numbers, but for the rounding of activations, 8 bits in llama.cpp. With the numbers before quantisation it is
 * far from that.
 *
 * npm run verify --prefix bench/peers
 */

const tokenCount = 200;
/** Nats a token. 8-bit activations alone cost about 5e-4 on the side of llama.cpp, other weights more than 0.1. */
const mostDivergence = 2e-3;

const folder = join(defaultFolder, "checkpoints");
const checkpoint = await synthesizeCheckpoint(shapes.tiny, { folder });
const tokens = randomTokens(tokenCount, shapes.tiny.vocab_size);

const theirs = await predictWithLlama(await convertToGguf(checkpoint, join(folder, "qwen2-tiny-gguf")));
const exact = await predictWithSkein(await dequantised(checkpoint), { backend: "reference" });
const own = await predictWithSkein(checkpoint, { weights: "q4", cache: "f32" });
const original = await predictWithSkein(checkpoint, { backend: "reference" });
console.log("Nats a token from llama.cpp:");
const divergences = [
  report("the GGUF file's numbers, reference backend", exact),
  report("the checkpoint, 4-bit weights", own),
];
report("the checkpoint, as it is", original);
if (!divergences.every((divergence) => divergence < mostDivergence))
  throw new Error("llama.cpp has other weights than Skein");

/** Natural logarithms of probabilities, [tokens][vocabulary]. */
type Prediction = readonly (readonly number[])[];

async function predictWithSkein(source: string | ModelFiles, options: LoadOptions): Promise<Prediction> {
  await using model = await loadModel(source, options);
  await using session = await model.createSession();
  const { logits } = await session.append(tokens, { logits: "all" });
  return tokens.map((_, row) => {
    const size = shapes.tiny.vocab_size;
    const ofRow = logits!.subarray(row * size, (row + 1) * size);
    const offset = tokenLogprob(ofRow, 0) - ofRow[0]!;
    return Array.from(ofRow, (logit) => logit + offset);
  });
}

async function predictWithLlama(path: string): Promise<Prediction> {
  await using llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
    progressLogs: false,
  });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: 2 * tokenCount });
  const generateNext = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
  const outputs = await context
    .getSequence()
    .controlledEvaluate(tokens.map((token) => [token as Token, { generateNext }]));
  return outputs.map((output) => {
    const probabilities = output!.next.probabilities!;
    return Array.from({ length: shapes.tiny.vocab_size }, (_, token) => Math.log(probabilities.get(token as Token)!));
  });
}

/** The checkpoint with its numbers as they are after quantising. */
async function dequantised(path: string): Promise<ModelFiles> {
  const [config, weights] = await Promise.all(
    ["config.json", "model.safetensors"].map((name) => openAsBlob(join(path, name))),
  );
  return dequantisedModel({ "config.json": config!, "model.safetensors": weights! }, "q4");
}

/** @returns the mean Kullback–Leibler divergence of the second from the first, nats a token */
function divergence(first: Prediction, second: Prediction): number {
  const rows = first.map((row, i) =>
    row.reduce((sum, logprob, token) => sum + Math.exp(logprob) * (logprob - second[i]![token]!), 0),
  );
  return rows.reduce((sum, row) => sum + row, 0) / rows.length;
}

/** @returns how far llama.cpp's prediction is from this one */
function report(name: string, prediction: Prediction): number {
  const nats = divergence(prediction, theirs);
  console.log(`  ${nats.toExponential(1)}  ${name}`);
  return nats;
}
