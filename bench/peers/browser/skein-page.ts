import { loadModel, type Model } from "skein";
import {
  answerTokens,
  type BrowserMeasurement,
  type BrowserTask,
  randomNumbers,
  rateOf,
  repetitions,
  runTask,
} from "./task.ts";

/* Runs in the browser: measures Skein. */

await runTask(measure);

async function measure({ threads, prompt, text }: BrowserTask): Promise<BrowserMeasurement> {
  const warnings: string[] = [];
  await using model = await loadModel(new URL("/model/", location.href), {
    weights: "q4",
    cache: "q8",
    threads,
    onWarning: ({ code, message }) => {
      if (code === "threads") warnings.push(message);
    },
  });
  if (warnings.length > 0) throw new Error(warnings.join("; "));
  await answer(model, 64); // a warm-up, which ends when the code is compiled for good
  const prefill: number[] = [];
  const decode: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    prefill.push(await read(model, prompt));
    decode.push(rateOf(await answer(model, text)));
  }
  return { prefill, decode, threads };
}

/** @returns tokens a second */
async function read(model: Model, count: number): Promise<number> {
  await using session = await model.createSession({ plannedTokens: count + 1 });
  const began = performance.now();
  await session.append(randomNumbers(count, model.config.vocab_size));
  return (count * 1000) / (performance.now() - began);
}

/** @returns when each token of an answer behind so many others came, in milliseconds */
async function answer(model: Model, behind: number): Promise<number[]> {
  await using session = await model.createSession({ plannedTokens: behind + answerTokens + 1 });
  await session.append(randomNumbers(behind, model.config.vocab_size));
  const times: number[] = [];
  const generation = session.generate({ tokens: [7], maxTokens: answerTokens, temperature: 0, endTokens: [] });
  for await (const { tokens } of generation) for (const _ of tokens) times.push(performance.now());
  return times;
}
