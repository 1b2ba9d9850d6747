import { Wllama } from "@wllama/wllama";
import {
  answerTokens,
  type BrowserMeasurement,
  type BrowserTask,
  randomNumbers,
  rateOf,
  repetitions,
  runTask,
} from "./task.ts";

/* Runs in the browser: measures @wllama/wllama. */

await runTask(measure);

async function measure({ threads, prompt, text }: BrowserTask): Promise<BrowserMeasurement> {
  const model = await (await fetch("/model.gguf")).blob();
  const wllama = new Wllama({ default: "/wllama/wasm/wllama.wasm" }, { suppressNativeLog: true });
  await wllama.loadModel([model], {
    n_gpu_layers: 0,
    n_threads: threads,
    n_parallel: 1,
    n_ctx: Math.max(prompt, text) + 256, // with more room than is needed, as llama.cpp always has it here
    flash_attn: true,
  });
  await complete(wllama, letters(64), answerTokens); // a warm-up, which ends when the code is compiled for good
  const prefill: number[] = [];
  const decode: number[] = [];
  for (let i = 1; i <= repetitions; i++) {
    // Another beginning each time: what is cached of the text before must not be taken for this one's.
    const [asked, first] = await complete(wllama, i + letters(prompt - 1), 1);
    prefill.push((prompt * 1000) / (first! - asked!));
    const [, ...times] = await complete(wllama, i + letters(text - 1), answerTokens);
    decode.push(rateOf(times));
  }
  return { prefill, decode, threads: wllama.getNumThreads(), version: Wllama.getLibllamaVersion() };
}

/** Letters from a to z: it takes text alone, and each is a token of the GGUF file's vocabulary. */
function letters(count: number): string {
  return String.fromCharCode(...randomNumbers(count, 26).map((number) => 97 + number));
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
