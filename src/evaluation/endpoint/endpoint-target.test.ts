import { afterAll, beforeAll, expect, test } from "vitest";
import { UnsupportedError } from "../../index.ts";
import { evaluate } from "../evaluate.ts";
import { type Body, startScriptedServer, startTestServer, type TestServer } from "../node/test-openai-server.ts";
import { openTestPlan } from "../node/test-target.ts";
import type { AccuracySample } from "../result.ts";
import type { Target } from "../target.ts";
import type { Plan } from "../trial.ts";
import {
  type EndpointOptions,
  type EndpointTarget,
  type EndpointWarning,
  openEndpointTarget,
} from "./endpoint-target.ts";

const signal = new AbortController().signal;
const way = { name: "endpoint", factor: 1 };
const vllm = { dialect: "vllm", context: { extend: "none" }, window: 256 } as const;
const llamaCpp = { ...vllm, dialect: "llama.cpp" } as const;

let local: { readonly plan: Plan; readonly target: Target };
let server: TestServer;

beforeAll(async () => {
  local = await openTestPlan(["none"], { samples: 4 });
  server = await startTestServer(local.target.model({ extend: "none", cache: "f32" }), vllm);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await local.target[Symbol.asyncDispose]();
});

async function open(
  served: TestServer["served"],
  options: Partial<EndpointOptions> = {},
): Promise<{ readonly target: EndpointTarget; readonly warnings: readonly EndpointWarning[] }> {
  server.served = served;
  server.requests.length = 0;
  return await openAt(server.url, options);
}

async function openAt(
  url: string,
  options: Partial<EndpointOptions> = {},
): Promise<{ readonly target: EndpointTarget; readonly warnings: readonly EndpointWarning[] }> {
  const warnings: EndpointWarning[] = [];
  const target = await openEndpointTarget(url, {
    ...{ nativeWindow: 256, sample: local.plan.haystack.text, signal },
    onWarning: (warning) => warnings.push(warning),
    ...options,
  });
  return { target, warnings };
}

/** A server that has one model, answers questions as it is told to, and has nothing else. */
async function startScripted(
  answer: (body: Body) => object,
  card: object = {},
): Promise<AsyncDisposable & { readonly url: string; readonly bodies: readonly Body[] }> {
  const bodies: Body[] = [];
  const scripted = await startScriptedServer((path, response, _, body) => {
    const isQuestion = path.endsWith("/completions");
    if (isQuestion) bodies.push(body);
    const found = isQuestion ? answer(body) : path.endsWith("/models") ? { data: [{ id: "a", ...card }] } : undefined;
    response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? { detail: "Not Found" }));
  });
  return { ...scripted, bodies };
}

/** A server of no engine that is known, with four characters to a token, that takes every prompt and reads no more of it than its window. */
function startCutting(window: number): ReturnType<typeof startScripted> {
  return startScripted(({ prompt = "" }) => {
    const usage = { prompt_tokens: Math.min(Math.ceil(prompt.length / 4) + 1, window) };
    return { choices: [{ text: "a" }], usage };
  });
}

const byCharacters = {
  countTokens: async (text: string) => text.length,
  tokenize: async (text: string) => new Uint32Array(text.length),
};

test("answers, counts and scores are those of the same model at hand; what the server refuses is recorded, and in no cell", async () => {
  const { target, warnings } = await open(vllm);
  const plan = { ...local.plan, lengths: [128, 512] };
  const suites = ["passkey", "perplexity"] as const;
  const there = await evaluate({ ...plan, target, methods: [], ways: [way] }, { suites, signal });
  const here = await evaluate({ ...plan, lengths: [128] }, { suites, signal });
  expect(there.cells.map((cell) => ({ ...cell, method: "none" }))).toEqual(here.cells);
  expect(here.cells).toHaveLength(3);
  const known = ({ promptHash, score, answer }: AccuracySample): unknown => ({ promptHash, score, answer });
  const passkeys = ({ samples }: typeof there, length: number): readonly AccuracySample[] =>
    samples.filter((sample): sample is AccuracySample => sample.suite === "passkey" && sample.length === length);
  expect(passkeys(there, 128).map(known)).toEqual(passkeys(here, 128).map(known));
  expect(passkeys(there, 512).map(({ refused, score }) => [refused, score])).toEqual(Array(4).fill([true, 0]));
  expect(warnings).toEqual([
    { code: "length_refused", message: `${server.url}/v1 does not take 512 tokens: its window is 256 tokens` },
  ]);
  expect(target.subject).toMatchObject({ kind: "endpoint", name: "tiny", url: `${server.url}/v1`, lengths: "server" });
});

test("what is too large for a proxy before the server is a length that is refused", async () => {
  const { target, warnings } = await open({ ...vllm, window: 1024, proxyLimit: 300 });
  const plan = { ...local.plan, lengths: [128, 512], target, methods: [], ways: [way], samples: 1 };
  const { cells, samples } = await evaluate(plan, { suites: ["passkey", "speed"], signal });
  expect(cells.map(({ suite, length }) => [suite, length])).toEqual([
    ["passkey", 128],
    ["speed", 128],
  ]);
  const refused = samples.filter((sample) => "refused" in sample && sample.refused);
  expect(refused.map(({ suite, length }) => [suite, length])).toContainEqual(["passkey", 512]);
  expect(warnings.map(({ message }) => message)).toEqual([
    `${server.url}/v1 does not take 512 tokens: 413, too large a request for the server, or for a proxy before it`,
  ]);
});

test("a passage as long as the server's window is scored but for its last token", async () => {
  const { target } = await open(vllm);
  const tokens = (await target.tokenize(local.plan.haystack.text)).subarray(0, 256);
  const { logprobs } = await target.score({ way, tokens, signal });
  const [none] = local.plan.ways;
  const exact = await local.target.score({ way: none!, tokens, signal });
  expect(Array.from(logprobs)).toEqual(Array.from(exact.logprobs).slice(0, 255));
});

test("llama.cpp has no log probabilities of prompts, which is said before anything is asked", async () => {
  const { target } = await open(llamaCpp);
  expect(target.window).toBe(256);
  expect(await target.countTokens("pass key")).toBe(await local.target.countTokens("pass key"));
  expect(await target.missing("passkey", signal)).toBeUndefined();
  expect(await target.missing("perplexity", signal)).toMatch(/vLLM and SGLang do, llama.cpp's server does not/);
  await expect(target.score({ way, tokens: Uint32Array.of(1, 2), signal })).rejects.toBeInstanceOf(UnsupportedError);
});

test("a server with chats alone is asked by chats, whose template and words count", async () => {
  const { target, warnings } = await open({ ...vllm, chatOnly: true });
  expect(warnings.map(({ code }) => code)).toEqual(["chat_only"]);
  expect(await target.countTokens("pass key")).toBe((await local.target.countTokens("pass key")) + 32);
  const [answer] = await target.answer({ way, prompts: ["One."], maxTokens: 6, length: 64, signal });
  expect(answer!.text.length).toBeGreaterThan(0);
  expect(server.requests.at(-1)!.body).toMatchObject({ messages: [{ content: "One." }], max_tokens: 38 });
  expect(await target.missing("perplexity", signal)).toMatch(/does not return/);
});

test("chats are told not to think where the server can be told", async () => {
  for (const served of [vllm, llamaCpp]) {
    const { target } = await open(served, { chat: true });
    await target.answer({ way, prompts: ["One."], maxTokens: 6, length: 64, signal });
    const told = server.requests.filter(({ path }) => path === "/v1/chat/completions").map(({ body }) => body);
    expect(told.map((body) => body.chat_template_kwargs)).toEqual(Array(3).fill({ enable_thinking: false }));
  }
  const { target } = await open({ ...vllm, templateless: true, chatOnly: true });
  const [answer] = await target.answer({ way, prompts: ["One."], maxTokens: 6, length: 64, signal });
  expect(answer!.text.length).toBeGreaterThan(0);
  expect(server.requests.at(-1)!.body).not.toHaveProperty("chat_template_kwargs");
  await open(vllm);
  expect(server.requests.some(({ body }) => "chat_template_kwargs" in body)).toBe(false);
});

test.each<[Readonly<Record<string, string | null>>, readonly string[]]>([
  [{ content: null, reasoning_content: "Okay" }, ["only_reasoning"]],
  [{ content: "", reasoning: "Okay" }, ["only_reasoning"]],
  [{ reasoning: "Okay" }, ["only_reasoning"]],
  [{ content: "", reasoning: "" }, []],
  [{ content: "7", reasoning: "Okay" }, []],
])("a chat that comes to no answer for thinking is said once: %j", async (message, codes) => {
  const usage = { prompt_tokens: 9 };
  await using scripted = await startScripted(() => ({ choices: [{ message }], usage }));
  const { target, warnings } = await openAt(scripted.url, { chat: true, tokenizer: byCharacters });
  const prompts = ["One.", "Two."];
  const answers = await target.answer({ way, prompts, maxTokens: 6, length: 64, signal });
  expect(answers).toEqual(Array(2).fill({ text: message.content ?? "" }));
  expect(warnings.map(({ code }) => code)).toEqual(codes);
  expect(scripted.bodies.some((body) => "chat_template_kwargs" in body)).toBe(false);
});

test("times are those of a stream, with as many tokens as the server says, of a text that no cache has", async () => {
  const { target } = await open(vllm);
  const text = local.plan.haystack.words.slice(0, 100).join("");
  const request = { way, text, length: 240, maxTokens: 8, signal };
  const times = await target.time!(request);
  expect(times.completionTokens).toBe(8);
  expect(times.prefillSeconds).toBeGreaterThan(0);
  expect(times.decodeSeconds).toBeGreaterThan(0);
  const first = server.requests.at(-1)!.body;
  expect(first).toMatchObject({ stream: true, stream_options: { include_usage: true }, temperature: 0 });
  expect(times.promptTokens).toBe(await local.target.countTokens(String(first.prompt)));
  await target.time!(request);
  expect(String(server.requests.at(-1)!.body.prompt).slice(0, 8)).not.toBe(String(first.prompt).slice(0, 8));
  expect(await target.time!({ ...request, length: 300 })).toMatchObject({ completionTokens: 0, refused: true });
});

test.each(["content", "reasoning_content", "reasoning"])("a chat is timed by its pieces of %s", async (name) => {
  const pieces = [{ role: "assistant", content: "" }, { [name]: "a" }, { [name]: "b" }, { [name]: "c" }, {}];
  await using scripted = await startScriptedServer((path, response, _, body) => {
    if (path.endsWith("/models")) return void response.end(JSON.stringify({ data: [{ id: "a" }] }));
    if (!body.stream) {
      const answer = { choices: [{ message: { content: "a" } }], usage: { prompt_tokens: 9 } };
      return void response.writeHead(path.endsWith("/chat/completions") ? 200 : 404).end(JSON.stringify(answer));
    }
    const send = ([delta, ...rest]: readonly object[]): void => {
      if (!delta) return void response.end();
      response.write(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`, () => setTimeout(send, 10, rest));
    };
    send(pieces);
  });
  const { target } = await openAt(scripted.url, { chat: true, tokenizer: byCharacters });
  const times = await target.time!({ way, text: "words", length: 64, maxTokens: 8, signal });
  expect(times.completionTokens).toBe(3);
  expect(times.decodeSeconds).toBeGreaterThan(0);
});

test("an answer that comes all at once has no time of its own, which is said once", async () => {
  const events = ["a", "b"].map((text) => `data: ${JSON.stringify({ choices: [{ text, finish_reason: null }] })}\n\n`);
  await using scripted = await startScriptedServer((path, response, count) => {
    if (path.endsWith("/models")) response.end(JSON.stringify({ data: [{ id: "a", max_model_len: 4096 }] }));
    else response.end(count === 2 ? JSON.stringify({ choices: [{ text: "a" }] }) : events.join(""));
  });
  const warnings: EndpointWarning[] = [];
  const target = await openEndpointTarget(scripted.url, {
    ...{ nativeWindow: 256, sample: "words", signal, onWarning: (warning) => warnings.push(warning) },
    tokenizer: byCharacters,
  });
  const request = { way, text: "words", length: 64, maxTokens: 8, signal };
  for (const _ of [1, 2]) expect(await target.time!(request)).toMatchObject({ completionTokens: 2, decodeSeconds: 0 });
  await target.time!({ ...request, length: 128 });
  expect(warnings.map(({ code }) => code)).toEqual(["untimed_answer", "untimed_answer"]);
  for (const [i, length] of [64, 128].entries())
    expect(warnings[i]!.message).toContain(`ended an answer after ${length} tokens at its first token`);
});

test("penalties that vLLM and llama.cpp take from the model's files are turned off, by each one's own fields", async () => {
  const question = { way, prompts: ["One."], maxTokens: 1, length: 64, signal };
  await (await open(vllm)).target.answer(question);
  expect(server.requests.at(-1)!.body).toMatchObject({ prompt: "One.", repetition_penalty: 1 });
  await (await open(llamaCpp)).target.answer(question);
  const { body } = server.requests.at(-1)!;
  const others = { presence_penalty: 0, frequency_penalty: 0, dry_multiplier: 0, xtc_probability: 0 };
  expect(body).toMatchObject({ prompt: "One.", repeat_penalty: 1, ...others });
  expect(body).not.toHaveProperty("repetition_penalty");
  await using scripted = await startScripted(() => ({ choices: [{ text: "a" }] }));
  await (await openAt(scripted.url, { tokenizer: byCharacters })).target.answer(question);
  expect(Object.keys(scripted.bodies.at(-1)!).sort()).toEqual(["max_tokens", "model", "prompt", "seed", "temperature"]);
});

test("without a tokenizer of the server's, one at hand counts, or lengths are estimated, which is said", async () => {
  const served = { ...llamaCpp, tokenless: true };
  const exact = await open(served, { tokenizer: local.target });
  const text = local.plan.haystack.words.slice(100, 400).join("");
  const tokens = await local.target.countTokens(text);
  expect(await exact.target.countTokens(text)).toBe(tokens);
  expect([exact.warnings, exact.target.subject.lengths]).toEqual([[], "local"]);
  const about = await open(served);
  const ratio = (await about.target.countTokens(text)) / tokens;
  expect(Math.abs(ratio - 1)).toBeLessThan(0.2);
  expect([about.warnings.map(({ code }) => code), about.target.subject.lengths]).toEqual([
    ...[["estimated_lengths"], "estimated"],
  ]);
  await expect(about.target.tokenize(text)).rejects.toThrow(/has no \/tokenize: tokens cannot be had/);
  expect(await about.target.missing("perplexity", signal)).toMatch(/tokens cannot be had/);
});

test.each([100, 1000, 2050, 3999])(
  "lengths are not estimated from prompts that a server cuts to %i tokens",
  async (window) => {
    await using scripted = await startCutting(window);
    const opened = openAt(scripted.url, { nativeWindow: 32_768 });
    await expect(opened).rejects.toThrow(
      new RegExp(
        `counted \\d+, \\d+ and ${window} tokens in the first 4000, 16000, 20000 char.* cut prompts .*num_ctx`,
      ),
    );
  },
);

test("lengths are estimated where a server's window has the sample", async () => {
  await using scripted = await startCutting(5001);
  const { target } = await openAt(scripted.url, { nativeWindow: 32_768 });
  expect(await target.countTokens("x".repeat(4000))).toBe(1 + 1020);
});
