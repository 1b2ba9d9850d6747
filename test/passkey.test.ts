import { afterAll, beforeAll, expect, test } from "vitest";
import { createPassKeyTask, type PassKeyTask } from "../src/cli/demo-task.ts";
import { readEmbeddedText } from "../src/cli/node/embedded.ts";
import { type LoadOptions, loadModel, type Model } from "../src/index.ts";
import { tiny } from "./tiny.ts";

/*
 * The demo's question, four windows long, in every setting: quantising must not lose what an exact computation finds. Seeds whose key the reference finds; all
 * settings have to give the same answers.
 */
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
const context = { extend: "yarn", factor: 4 } as const;

const settings: readonly LoadOptions[] = [
  {},
  { weights: "f32" },
  { weights: "f16", cache: "f16" },
  { weights: "q8", cache: "q8" },
  { weights: "q4", cache: "f32" },
  { weights: "q4", cache: "q8" },
  { weights: "q4", cache: "q8", kernels: "plain" },
  { weights: "q4", cache: "q8", threads: 1 },
];

let tasks: PassKeyTask[];
let expected: string[];
let oracle: Model;

const answers = (model: Model): Promise<string[]> =>
  Promise.all(
    tasks.map(async ({ prompt }) => {
      const { text } = await model.generate({ tokens: prompt, maxTokens: 5, temperature: 0 }).result();
      return text;
    }),
  );

beforeAll(async () => {
  oracle = await loadModel(tiny, { backend: "reference", context });
  const lines = await readEmbeddedText();
  tasks = [];
  for (const seed of seeds) tasks.push(await createPassKeyTask(oracle, lines, 1024, seed));
  expected = await answers(oracle);
}, 120_000);
afterAll(() => oracle.dispose());

test("the reference finds the keys", () => {
  expect(expected).toEqual(tasks.map(({ expected: key }) => key));
});

test.each(settings.map((options) => [JSON.stringify(options), options] as const))("%s", async (_, options) => {
  await using model = await loadModel(tiny, { ...options, context });
  expect(await answers(model)).toEqual(expected);
});
