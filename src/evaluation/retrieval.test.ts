import { afterAll, beforeAll, expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { openTestPlan, untold } from "./node/test-target.ts";
import type { AccuracySample } from "./result.ts";
import { words } from "./retrieval/words.ts";
import { retrievalTasks, retrievalTrials } from "./retrieval.ts";
import type { AnswerRequest, Target } from "./target.ts";
import type { Plan } from "./trial.ts";

const needle = /One of the special magic (numbers|uuids) for (\S+) is: (\S+)\./g;

/** Answers from what the prompt says, by the tasks' definitions, and by nothing else. */
function solve(prompt: string): readonly string[] {
  if (prompt.includes("list of words")) return mostCommon(prompt);
  if (prompt.includes("VAR ")) return assigned(prompt);
  const [, query = ""] = /\nWh.* the special magic \w+ for (.*) mentioned in the provided text\?/.exec(prompt)!;
  const keys = query.split(/, and |, /);
  return [...prompt.matchAll(needle)].filter(([, , key]) => keys.includes(key!)).map(([, , , value]) => value!);
}

function assigned(prompt: string): readonly string[] {
  const values = new Map<string, string>();
  for (const [, name = "", right = ""] of prompt.matchAll(/^VAR (\w+) = (.+)$/gm))
    values.set(name, right.startsWith("VAR ") ? values.get(right.slice(4))! : right);
  const value = /.*assigned the value (\d+) in/s.exec(prompt)![1];
  return [...values].filter(([, found]) => found === value).map(([name]) => name);
}

/** Of the list that is asked for, after the example's. */
function listOf(prompt: string): ReadonlyMap<string, number> {
  const list = prompt.slice(prompt.lastIndexOf("\n", prompt.lastIndexOf("\nQuestion") - 1), prompt.lastIndexOf("\n"));
  const counts = new Map<string, number>();
  for (const [, word = ""] of list.matchAll(/\d+\. ([a-z-]+)/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function mostCommon(prompt: string): readonly string[] {
  const ranked = [...listOf(prompt)].sort(([, a], [, b]) => b - a);
  expect(ranked[9]![1]).toBeGreaterThan(ranked[10]![1]);
  return ranked.slice(0, 10).map(([word]) => word);
}

let opened: Awaited<ReturnType<typeof openTestPlan>>;
beforeAll(async () => {
  opened = await openTestPlan(["none", "yarn-dynamic"]);
});
afterAll(() => opened.target[Symbol.asyncDispose]());

/** Words, numbers and marks: quicker than the model's tokens, where they do not matter. */
const countWords = async (text: string): Promise<number> => text.match(/\w+|[^\w\s]/g)!.length;

/** Has the solver answer, in one way unless given. */
async function ask(settings: Partial<Plan>, countTokens = countWords) {
  const { target } = opened;
  const asked: AnswerRequest[] = [];
  const solver: Target = {
    ...{ subject: target.subject, concurrency: 1, countTokens },
    answer: async (request) => {
      asked.push(request);
      return request.prompts.map((prompt) => ({ text: ` ${solve(prompt).join(", ").toUpperCase()}.` }));
    },
    tokenize: (text) => target.tokenize(text),
    score: (request) => target.score(request),
    prepare: (setups, signal) => target.prepare(setups, signal),
    model: (setup) => target.model(setup),
    [Symbol.asyncDispose]: async () => {},
  };
  const plan = { ...opened.plan, ways: opened.plan.ways.slice(0, 1), ...settings, target: solver };
  const samples: AccuracySample[] = [];
  for (const trial of retrievalTrials(plan)) samples.push(...((await trial.run(untold)) as readonly AccuracySample[]));
  return { samples, prompts: asked.map(({ prompts: [prompt = ""] }) => prompt), asked };
}

test("every question can be answered from its prompt, fills its length in the model's tokens, and is the same in all ways", async () => {
  const countTokens = (text: string) => opened.target.countTokens(text);
  const { ways } = opened.plan;
  const { samples, prompts, asked } = await ask({ ways, lengths: [1300, 4200], samples: 1 }, countTokens);
  expect(samples).toHaveLength(retrievalTasks.length * 2 * 2);
  for (const [i, { task, expected, answer, score }] of samples.entries()) {
    expect({ task, answer, expected, score }).toMatchObject({ score: 1 });
    expect(solve(prompts[i]!).toSorted()).toEqual(expected.toSorted());
    const { length, maxTokens } = asked[i]!;
    expect(maxTokens).toBe({ vt: 30, cwe: 120 }[task] ?? 128);
    const tokens = (await countTokens(prompts[i]!)) + maxTokens;
    expect(tokens).toBeLessThanOrEqual(length);
    // One more word, or line (two identifiers in it), or word as often as it stands in the list, would have been too much.
    expect(length - tokens).toBeLessThan(task === "niah_multikey_3" ? 90 : 50);
  }
  const hashes = (method: string) => samples.filter((s) => s.method === method).map(({ promptHash }) => promptHash);
  expect(hashes("yarn-dynamic")).toEqual(hashes("none"));
  expect(new Set(hashes("none")).size).toBe(samples.length / 2);
});

test("questions follow from the seed, and differ from each other", async () => {
  const settings = { lengths: [1300], samples: 2 };
  const { samples } = await ask(settings);
  expect((await ask(settings)).samples).toEqual(samples);
  const other = await ask({ ...settings, seed: 2 });
  const hashes = [...samples, ...other.samples].map(({ promptHash }) => promptHash);
  expect(new Set(hashes).size).toBe(retrievalTasks.length * 4);
});

test("an answer scores the share of what was expected that is in it, whatever the case of its letters", async () => {
  const settings = { lengths: [1300], samples: 1, tasks: ["niah_multivalue"] };
  const { target } = opened;
  const half = async ({ prompts: [prompt = ""] }: AnswerRequest) => [{ text: solve(prompt).slice(2).join(" ") }];
  const [trial] = retrievalTrials({
    ...opened.plan,
    ...settings,
    target: { ...target, subject: target.subject, countTokens: countWords, answer: half },
  });
  expect(await trial!.run(untold)).toMatchObject([{ score: 0.5 }]);
});

test("needles are as many, of the kinds, and at the places that the tasks define", async () => {
  const tasks = retrievalTasks.filter((name) => name.startsWith("niah"));
  const { samples, prompts } = await ask({ lengths: [1500], samples: 10, tasks });
  const counts: Record<string, number> = { niah_multikey_1: 4, niah_multivalue: 4, niah_multiquery: 4 };
  for (const [i, { task, expected, depth }] of samples.entries()) {
    const prompt = prompts[i]!;
    const found = [...prompt.matchAll(needle)];
    if (/multikey_[23]/.test(task)) expect(found.length).toBeGreaterThan(8);
    else expect(found).toHaveLength(counts[task] ?? 1);
    const values = found.map(([, , , value]) => value!);
    expect(new Set(values).size).toBe(values.length);
    expect(new Set(found.map(([, , key]) => key)).size).toBe(task === "niah_multivalue" ? 1 : found.length);
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    const value = /single_3|multikey_3/.test(task) ? uuid : /^[1-9]\d{6}$/;
    for (const [, , key, said] of found) {
      expect(said).toMatch(value);
      expect(key).toMatch(task === "niah_multikey_3" ? uuid : /^[a-z]+-[a-z]+$/);
    }
    expect(expected).toHaveLength(/multi(value|query)/.test(task) ? 4 : 1);
    if (expected.length > 1) expect(depth).toBeUndefined();
    else {
      const context = prompt.slice(prompt.indexOf("\n") + 1, prompt.lastIndexOf("\n"));
      const place = context.slice(0, context.indexOf(expected[0]!)).lastIndexOf("One of");
      expect(depth).toBeGreaterThanOrEqual(place / context.length);
      expect(depth).toBeLessThan((place + 200) / context.length);
    }
  }
  for (const name of ["niah_single_1", "niah_single_2", "niah_multikey_3"]) {
    const depths = samples.filter(({ task }) => task === name).map(({ depth }) => depth!);
    expect(Math.min(...depths)).toBeLessThan(0.15);
    expect(Math.max(...depths)).toBeGreaterThan(0.85);
    expect(new Set(depths.map((depth) => Math.floor(depth * 5))).size).toBeGreaterThanOrEqual(5);
  }
  const opening = (name: string) => prompts[samples.findIndex(({ task }) => task === name)]!;
  expect(opening("niah_single_1")).toMatch(
    /^A special magic number is hidden within the following text\. .* about the number afterwards\.\n.*The grass is green/s,
  );
  expect(opening("niah_single_1")).toMatch(
    /\nWhat is the special magic number for (\S+) mentioned in the provided text\? The special magic number for \1 mentioned in the provided text is$/,
  );
  expect(opening("niah_multiquery")).toMatch(
    /\nWhat are all the special magic numbers for (\S+, \S+, \S+, and \S+) mentioned in the provided text\? The .* for \1 mentioned in the provided text are$/,
  );
});

test("variables are in a chain of four hops after an example; common words stand in a list as often as RULER says", async () => {
  const { samples, prompts } = await ask({ lengths: [2000, 8192], samples: 1, tasks: ["vt", "cwe"] });
  for (const [i, { task, length, expected }] of samples.entries()) {
    const prompt = prompts[i]!;
    if (task === "vt") {
      expect(expected).toHaveLength(5);
      const [example = "", question = ""] = prompt.split("\n\nMemorize");
      expect(await countWords(`${example}\n\n`)).toBeLessThanOrEqual(500);
      expect(example.endsWith(`they are:  ${assigned(example).join(" ")}`)).toBe(true);
      expect(assigned(example)).toHaveLength(5);
      expect(question.match(/^VAR [A-Z]{5} = /gm)).toHaveLength(5);
      expect(question).toMatch(/5 variables are assgined the value \d{5}, they are: $/);
    } else {
      const counts = [...listOf(prompt).values()];
      const [common, uncommon] = length < 4096 ? [6, 1] : [30, 3];
      expect(new Set(counts)).toEqual(new Set([common, uncommon]));
      expect(counts.filter((count) => count === common)).toHaveLength(10);
      const [, answered = ""] = /appear most often in the list are: (1\. .*)\nBelow/.exec(prompt)!;
      expect(answered.match(/\d+\. [a-z]+/g)).toHaveLength(10);
    }
  }
});

test("where a list has room for more words than there are, words have two parts", async () => {
  const length = 12_000;
  const { prompts, samples } = await ask({ lengths: [length], samples: 1, tasks: ["cwe"] });
  expect(listOf(prompts[0]!).size).toBeGreaterThan(words.length);
  expect(samples[0]!.expected.every((word) => /^[a-z]+-[a-z]+$/.test(word))).toBe(true);
  const left = length - 120 - (await countWords(prompts[0]!));
  expect(left).toBeGreaterThanOrEqual(0);
  expect(left).toBeLessThan(3 * 5); // one more word, three times
});

test("no word contains another, since answers are searched for words", () => {
  expect(new Set(words).size).toBe(words.length);
  expect(words.filter((word) => words.some((other) => other !== word && other.includes(word)))).toEqual([]);
});

test("lengths without room for a task are said to be left out; an unknown task is refused with those that are known", async () => {
  const { plan } = opened;
  const settings = { ways: plan.ways.slice(0, 1), samples: 1, tasks: ["niah_single_1", "vt"] };
  const options = { suites: ["retrieval"], signal: untold.signal } as const;
  const { samples, omitted } = await evaluate({ ...plan, ...settings, lengths: [320] }, options);
  expect(samples.map(({ task, length, index }) => [task, length, index])).toEqual([["niah_single_1", 320, 0]]);
  expect(omitted).toEqual([{ suite: "retrieval", task: "vt", length: 320 }]);
  expect(() => retrievalTrials({ ...plan, tasks: ["niah"] })).toThrow(/tasks: there is no task "niah" .*niah_single_1/);
});
