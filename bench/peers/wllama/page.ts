import { Wllama } from "@wllama/wllama";
import type { BrowserMeasurement, BrowserTask } from "./task.ts";

/*
 * Runs in the browser: measures @wllama/wllama as /task.json says, and sends to /result what it found, or what went wrong.
 */

const repetitions = 3;
const answerTokens = 49;

const result = await measure().catch((error) => ({ error: String(error) }));
await fetch("/result", { method: "POST", body: JSON.stringify(result) });

async function measure(): Promise<BrowserMeasurement> {
  const { threads, prompt, text }: BrowserTask = await (await fetch("/task.json")).json();
  const model = await (await fetch("/model.gguf")).blob();
  const wllama = new Wllama({ default: "/wllama/wasm/wllama.wasm" }, { suppressNativeLog: true });
  const began = performance.now();
  await wllama.loadModel([model], {
    n_gpu_layers: 0,
    n_threads: threads,
    n_parallel: 1,
    n_ctx: Math.max(prompt.length, text.length) + 256, // with more room than is needed, as llama.cpp always has it here
    flash_attn: true,
  });
  await complete(wllama, text.slice(0, 64), answerTokens); // a warm-up, which ends when the code is compiled for good
  const loadSeconds = (performance.now() - began) / 1000;
  const prefill: number[] = [];
  const decode: number[] = [];
  for (let i = 1; i <= repetitions; i++) {
    // Another beginning each time: what is cached of the text before must not be taken for this one's.
    const [asked, first] = await complete(wllama, i + prompt.slice(1), 1);
    prefill.push((prompt.length * 1000) / (first! - asked!));
    const [, ...times] = await complete(wllama, i + text.slice(1), answerTokens);
    const intervals = times.slice(1).map((time, k) => time - times[k]!);
    decode.push(1000 / intervals.toSorted((a, b) => a - b)[intervals.length >> 1]!);
  }
  return { loadSeconds, prefill, decode, threads: wllama.getNumThreads(), version: Wllama.getLibllamaVersion() };
}

/**
 * @param prompt - one token a letter
 * @returns when the answer was asked for, then when each of its tokens came, in milliseconds
 * @throws Error when other numbers of tokens were computed
 */
async function complete(wllama: Wllama, prompt: string, count: number): Promise<number[]> {
  const times = [performance.now()];
  const stream = await wllama.createCompletion({
    prompt,
    max_tokens: count,
    temperature: 0,
    ignore_eos: true,
    stream: true,
  });
  for await (const { choices, usage } of stream) {
    if (choices[0]?.finish_reason === null) times.push(performance.now());
    else if (usage?.prompt_tokens !== prompt.length || times.length !== count + 1)
      throw new Error(
        `${usage?.prompt_tokens} tokens were read and ${times.length - 1} made, not ${prompt.length} and ${count}`,
      );
  }
  return times;
}
