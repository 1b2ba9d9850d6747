import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GenerateOptions, type GenerationResult, loadModel, type Model } from "../src/index.ts";
import { someTokens, tiny } from "./tiny.ts";

let model: Model;
let lines: readonly string[];
beforeAll(async () => {
  model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 } });
  lines = (await readFile(join(tiny, "haystack.txt"), "utf8")).split("\n");
});
afterAll(() => model.dispose());

/** What must not depend on prompt lookup; the seed of a greedy answer is a random one. */
function essence({ timings, usage, seed, ...result }: GenerationResult): object {
  const { guessedTokens, acceptedTokens, ...counts } = usage;
  return { ...result, counts };
}

/** The rows of an answer, those of its prompt included, and its steps, those of its prompt left out: they follow the machine's speed. */
async function measure(options: GenerateOptions): Promise<{ result: GenerationResult; steps: number; rows: number }> {
  const before = await model.statistics();
  let promptSteps = 0;
  const onProgress = () => void promptSteps++;
  const result = await model.generate({ ...options, onProgress }).result();
  const after = await model.statistics();
  return { result, steps: after.steps - before.steps - promptSteps, rows: after.rows - before.rows };
}

/** A document with something to remember, and a question that the model answers with the document's own words. */
function quotingTask(): GenerateOptions {
  const key = "\nThe pass key is 48151. Remember it. 48151 is the pass key.\n";
  const document = lines.slice(0, 4).join("\n") + key + lines.slice(4, 6).join("\n") + key;
  const prompt = `${document}\nWhat is the pass key? The pass key is `;
  return { prompt, maxTokens: 80, temperature: 0, endTokens: [], logprobs: 2 };
}

test("an answer that quotes takes less than half the steps, and is the same", async () => {
  const plain = await measure(quotingTask());
  const looked = await measure({ ...quotingTask(), promptLookup: true });
  expect(essence(looked.result)).toEqual(essence(plain.result));
  expect(looked.result.text).toContain("48151");
  expect(looked.steps).toBeLessThan(plain.steps / 2);
  const { guessedTokens, acceptedTokens } = looked.result.usage;
  expect([plain.steps, looked.steps]).toEqual([79, 79 - acceptedTokens!]);
  expect(looked.rows).toBe(plain.rows + guessedTokens! - acceptedTokens!);
  expect(looked.rows).toBeLessThan(plain.rows * 1.1);
  expect(Object.keys(plain.result.usage)).not.toContain("guessedTokens");
});

test("text that does not repeat itself costs few rows more", async () => {
  // Drawn so freely that it repeats nothing for long.
  const options: GenerateOptions = { tokens: someTokens(60), maxTokens: 150, temperature: 2, endTokens: [], seed: 5 };
  const plain = await measure(options);
  const looked = await measure({ ...options, promptLookup: 32 });
  expect(essence(looked.result)).toEqual(essence(plain.result));
  expect(looked.rows).toBeLessThan(plain.rows * 1.1);
});

test.each([1, 8, 32])(
  "with up to %i guesses a step answers are equal, drawn ones and penalised ones too",
  async (most) => {
    const prompt = `${lines.slice(3, 6).join("\n")}\n`;
    for (const options of [
      { temperature: 0 },
      { temperature: 0, repetitionPenalty: 1.1, frequencyPenalty: 0.2 },
      { temperature: 0.6, topK: 20, topP: 0.9, seed: 11 },
      { temperature: 0, stop: [" the law"] },
    ]) {
      const ask = (promptLookup: number | false) =>
        model.generate({ prompt, maxTokens: 60, logprobs: 2, ...options, promptLookup });
      const chunks = [];
      const generation = ask(most);
      for await (const chunk of generation) chunks.push(chunk);
      const result = await generation.result();
      expect(chunks.every(({ tokens }) => tokens.length === 1)).toBe(true);
      expect(essence(result)).toEqual(essence(await ask(false).result()));
    }
  },
);

test("a session has what was answered, whatever was guessed past its end", async () => {
  const { prompt, ...options } = quotingTask();
  const tokens = await model.tokenize(prompt!);
  const states: object[] = [];
  for (const promptLookup of [false, true]) {
    await using session = await model.createSession();
    const first = await session.generate({ ...options, tokens, stop: "48151.\n\nThe pass", promptLookup }).result();
    expect(session.length).toBe(tokens.length + first.tokens.length);
    const { length } = session;
    const second = await session.generate({ ...options, maxTokens: 20, promptLookup }).result();
    states.push({ length, first: essence(first), second: essence(second) });
  }
  expect(states[1]).toEqual(states[0]);
});
