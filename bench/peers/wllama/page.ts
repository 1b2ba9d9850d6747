import { Wllama } from "@wllama/wllama";
import type { BrowserMeasurement, BrowserTask } from "./task.ts";

/*
 * Runs in the browser: measures @wllama/wllama as /task.json says, and sends to /result what it found.
 */

const repetitions = 3;
const answerTokens = 17;

await fetch("/result", { method: "POST", body: JSON.stringify(await measure().catch(describeError)) });

async function measure(): Promise<BrowserMeasurement> {
  const { threads, prompt, text }: BrowserTask = await (await fetch("/task.json")).json();
  const model = await (await fetch("/model.gguf")).blob();
  const wllama = new Wllama({ default: "/wllama/wasm/wllama.wasm" }, { suppressNativeLog: true });
  const began = performance.now();
  await wllama.loadModel([model], {
    n_gpu_layers: 0,
    n_threads: threads,
    n_ctx: Math.max(prompt.length, text.length) + 256,
    flash_attn: true,
  });
  await complete(wllama, text.slice(0, 64), 4); // a warm-up
  const loadSeconds = (performance.now() - began) / 1000;
  const prefill: number[] = [];
  const decode: number[] = [];
  for (let i = 1; i <= repetitions; i++) {
    // Another first token each time: nothing of the prompt before is taken for this one's beginning.
    const times = await complete(wllama, [i, ...prompt.slice(1)], 1);
    prefill.push((prompt.length * 1000) / (times[0]! - times.began));
    const answer = await complete(wllama, [i, ...text.slice(1)], answerTokens);
    const intervals = answer.slice(1).map((time, k) => time - answer[k]!);
    decode.push(1000 / intervals.toSorted((a, b) => a - b)[intervals.length >> 1]!);
  }
  const usedThreads = wllama.getNumThreads();
  await wllama.exit();
  return { loadSeconds, prefill, decode, threads: usedThreads, version: Wllama.getLibllamaVersion() };
}

/** @returns when each token came, and when it was asked for */
async function complete(
  wllama: Wllama,
  tokens: readonly number[],
  count: number,
): Promise<number[] & { readonly began: number }> {
  const times: number[] = [];
  const began = performance.now();
  const stream = await wllama.createCompletion({
    // Tokens are taken as well as text; only the declaration does not say so.
    prompt: tokens as unknown as string,
    max_tokens: count,
    temperature: 0,
    ignore_eos: true,
    stream: true,
  });
  let usage: unknown;
  for await (const chunk of stream) {
    if (chunk.usage) usage = chunk.usage;
    if (chunk.choices[0]?.finish_reason === null) times.push(performance.now());
  }
  console.log(JSON.stringify(usage), times.length);
  return Object.assign(times, { began });
}

function describeError(error: unknown): { readonly error: string } {
  return { error: String(error) };
}
