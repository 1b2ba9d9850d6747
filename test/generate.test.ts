import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GenerationChunk, loadModel, type Model } from "../src/index.ts";
import { someTokens, tiny } from "./tiny.ts";

let model: Model;
beforeAll(async () => {
  model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 } });
});
afterAll(() => model.dispose());

const prompt = "And the angel said unto them, ";

describe("an answer", () => {
  test("comes in pieces that make up the whole, whole characters only", async () => {
    const generation = model.generate({ prompt, maxTokens: 30, temperature: 0 });
    const chunks: GenerationChunk[] = [];
    for await (const chunk of generation) chunks.push(chunk);
    const result = await generation.result();
    expect(chunks.map(({ text }) => text).join("")).toBe(result.text);
    expect(chunks.flatMap(({ tokens }) => tokens)).toEqual(result.tokens);
    expect(await model.detokenize(result.tokens, { skipSpecialTokens: true })).toBe(result.text);
    expect(chunks.slice(0, -1).every(({ finishReason }) => finishReason === undefined)).toBe(true);
    expect(chunks.at(-1)!.finishReason).toBe(result.finishReason);
    const promptTokens = (await model.tokenize(prompt)).length;
    expect(result.usage).toEqual({
      promptTokens,
      cachedTokens: 0,
      completionTokens: 30,
      totalTokens: promptTokens + 30,
    });
    expect(result).toMatchObject({ factor: 1, finishReason: "length" });
    expect(result.timings.prefillSeconds).toBeGreaterThan(0);
  });

  test("is the same for the same seed, and differs between seeds", async () => {
    const ask = async (seed?: number) =>
      await model.generate({ prompt, maxTokens: 20, temperature: 1.2, seed }).result();
    const [a, b, c, free] = await Promise.all([ask(7), ask(7), ask(8), ask()]);
    expect(a.tokens).toEqual(b.tokens);
    expect(a.tokens).not.toEqual(c.tokens);
    expect((await ask(free.seed)).tokens).toEqual(free.tokens);
  });

  test("ends before a stop text, which is never shown", async () => {
    const { text } = await model.generate({ prompt, maxTokens: 40, temperature: 0 }).result();
    const stop = text.slice(12, 15);
    const generation = model.generate({ prompt, maxTokens: 40, temperature: 0, stop: ["never in it", stop] });
    let shown = "";
    for await (const chunk of generation) shown += chunk.text;
    expect(shown).toBe(text.slice(0, text.indexOf(stop)));
    expect((await generation.result()).finishReason).toBe("stop");
  });

  test("ends at an end token, which counts and has no text", async () => {
    const plain = await model.generate({ prompt, maxTokens: 10, temperature: 0 }).result();
    const end = plain.tokens[4]!;
    const ended = await model.generate({ prompt, maxTokens: 10, temperature: 0, endTokens: [end] }).result();
    const position = plain.tokens.indexOf(end);
    expect(ended.tokens).toEqual(plain.tokens.slice(0, position + 1));
    expect(ended.text).toBe(await model.detokenize(plain.tokens.slice(0, position)));
    expect([ended.finishReason, ended.usage.completionTokens]).toEqual(["stop", position + 1]);
  });

  test("has log probabilities of the model itself", async () => {
    const { tokens, logprobs } = await model.generate({ prompt, maxTokens: 5, temperature: 0, logprobs: 3 }).result();
    expect(logprobs!.map(({ token }) => token)).toEqual(tokens);
    await using session = await model.createSession();
    await session.append(await model.tokenize(prompt));
    const appended = await session.append(tokens, { logprobs: true });
    logprobs!.forEach(({ token, logprob, top }, i) => {
      expect(logprob).toBeCloseTo(appended.logprobs![i]!, 10);
      expect(top).toHaveLength(3);
      expect(top[0]).toEqual({ token, logprob }); // greedy took the best
    });
  });

  test("does not depend on what else the model is doing, and shares its steps", async () => {
    const ask = (salt: number) =>
      model.generate({ tokens: someTokens(30 + 40 * salt, salt), maxTokens: 20, temperature: 0, endTokens: [] });
    const alone: (readonly number[])[] = [];
    for (const salt of [1, 2, 3, 4]) alone.push((await ask(salt).result()).tokens);
    const before = await model.statistics();
    const together = await Promise.all([1, 2, 3, 4].map((salt) => ask(salt).result()));
    const after = await model.statistics();
    expect(together.map(({ tokens }) => tokens)).toEqual(alone);
    expect(after.steps - before.steps).toBeLessThan(4 * 20);
  });

  test("can be awaited without looping, and looped over afterwards", async () => {
    const generation = model.generate({ prompt, maxTokens: 4, temperature: 0 });
    const { text } = await generation.result();
    let again = "";
    for await (const chunk of generation) again += chunk.text;
    expect(again).toBe(text);
  });
});

describe("stopping", () => {
  test("leaving the loop frees everything", async () => {
    for await (const chunk of model.generate({ tokens: someTokens(100), endTokens: [], temperature: 0 })) {
      expect((await model.statistics()).cacheBlocks).toBeGreaterThan(0);
      if (chunk.tokens.length > 0) break;
    }
    expect(await model.statistics()).toMatchObject({ cacheBlocks: 0, cacheBytes: 0 });
  });

  test("an abort ends decoding soon", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let after = 0;
    const run = async (): Promise<void> => {
      let count = 0;
      const generation = model.generate({
        tokens: someTokens(20),
        maxTokens: 400,
        endTokens: [],
        temperature: 0,
        signal: controller.signal,
      });
      for await (const _ of generation) {
        if (controller.signal.aborted) after++;
        if (++count === 3) controller.abort(reason);
      }
    };
    await expect(run()).rejects.toBe(reason);
    expect(after).toBeLessThan(20); // those that were made before the worker heard of it
    expect((await model.statistics()).cacheBlocks).toBe(0);
  });

  test("an abort takes effect within 250 ms in prefill", async () => {
    // The slow backend: the fast one is done before anybody can say no. That it gives up in the middle of a step is tested beside it.
    await using slow = await loadModel(tiny, { backend: "reference", context: { extend: "yarn", factor: 4 } });
    const controller = new AbortController();
    let abortedAt = 0;
    const work = slow
      .generate({
        tokens: someTokens(1000),
        maxTokens: 1,
        signal: controller.signal,
        onProgress: ({ completed }) => {
          if (completed > 0 && !controller.signal.aborted) {
            abortedAt = performance.now();
            controller.abort();
          }
        },
      })
      .result();
    await expect(work).rejects.toMatchObject({ name: "AbortError" });
    expect(performance.now() - abortedAt).toBeLessThan(250);
    expect((await slow.statistics()).cacheBlocks).toBe(0);
  });

  test("a signal that is aborted already, and one at loading", async () => {
    const signal = AbortSignal.abort();
    await expect(model.generate({ prompt, signal }).result()).rejects.toBe(signal.reason);
    await expect(loadModel(tiny, { signal })).rejects.toBe(signal.reason);
    const controller = new AbortController();
    const loading = loadModel(tiny, { signal: controller.signal });
    controller.abort(new Error("not now"));
    await expect(loading).rejects.toThrow("not now");
  });

  test("a disposed model and session say so", async () => {
    const other = await loadModel(tiny);
    const session = await other.createSession();
    const reading = Promise.withResolvers<void>();
    const running = other
      .generate({ prompt, maxTokens: 200, endTokens: [], onProgress: () => reading.resolve() })
      .result();
    let isSettled = false;
    const settled = expect(running)
      .rejects.toMatchObject({ code: "disposed" })
      .then(() => {
        isSettled = true;
      });
    await reading.promise;
    const disposed = Promise.all([other.dispose(), other.dispose()]);
    await expect(other.generate({ prompt }).result()).rejects.toMatchObject({ code: "disposed" });
    await disposed;
    expect(isSettled).toBe(true);
    await settled;
    await expect(other.createSession()).rejects.toMatchObject({ code: "disposed" });
    await expect(session.append([1])).rejects.toMatchObject({ code: "disposed" });
    await session.dispose();
    const gone = await model.createSession();
    await gone.dispose();
    await expect(gone.append([1])).rejects.toThrow(/session was disposed of/);
  });
});

describe("wrong options are named", () => {
  test.each([
    [{}, "prompt"],
    [{ prompt: "" }, "prompt"],
    [{ tokens: [] }, "prompt"],
    [{ prompt, tokens: [1] }, "tokens"],
    [{ prompt: 5 }, "prompt"],
    [{ tokens: [1, 5000] }, "tokens[1]"],
    [{ tokens: [1, -1] }, "tokens[1]"],
    [{ tokens: [0.5] }, "tokens[0]"],
    [{ tokens: ["1"] }, "tokens[0]"],
    [{ tokens: 5 }, "tokens"],
    [{ prompt, maxTokens: 0 }, "maxTokens"],
    [{ prompt, maxTokens: 1.5 }, "maxTokens"],
    [{ prompt, temperature: -1 }, "temperature"],
    [{ prompt, temperature: Number.NaN }, "temperature"],
    [{ prompt, topP: 2 }, "topP"],
    [{ prompt, stop: [""] }, "stop"],
    [{ prompt, logprobs: 21 }, "logprobs"],
    [{ prompt, promptLookup: 0 }, "promptLookup"],
    [{ prompt, promptLookup: 33 }, "promptLookup"],
    [{ prompt, promptLookup: 1.5 }, "promptLookup"],
    [{ prompt, promptLookup: "8" }, "promptLookup"],
    [{ prompt, endTokens: ["x"] }, "endTokens[0]"],
    [{ prompt, tools: [] }, "tools"],
    [{ messages: [{ role: "user", content: () => {} }] }, "messages"],
  ])("%j", async (options, option) => {
    await expect(model.generate(options as never).result()).rejects.toMatchObject({ code: "invalid_option", option });
  });

  test("a model without a chat template says what to do", async () => {
    await expect(model.generate({ messages: [{ role: "user", content: "hi" }] }).result()).rejects.toMatchObject({
      code: "no_chat_template",
    });
  });

  test("logits of all tokens above 1 GiB name what to ask for instead", async () => {
    await using session = await model.createSession({ context: {} });
    await expect(session.append(new Uint32Array(300_000), { logits: "all" })).rejects.toThrow(/above 1 GiB.*logprobs/);
    await expect(session.append([1], { logits: "some" as never })).rejects.toMatchObject({ option: "logits" });
    await expect(session.truncate(5)).rejects.toMatchObject({ option: "length" });
    await expect(model.createSession({ plannedTokens: 0 })).rejects.toMatchObject({ option: "plannedTokens" });
  });

  test("types that are wrong are named, and never thrown before there is a promise", async () => {
    await using session = await model.createSession();
    const wrong: [Promise<unknown>, string][] = [
      [model.generate(null as never).result(), "options"],
      [model.generate({ prompt, signal: {} as never }).result(), "signal"],
      [model.generate({ prompt, onProgress: "x" as never }).result(), "onProgress"],
      [model.generate({ prompt, specialTokens: 1 as never }).result(), "specialTokens"],
      [model.createSession(null as never), "options"],
      [model.restoreSession(5 as never), "source"],
      [session.append([1], { signal: 5 as never }), "signal"],
      [session.append([1], null as never), "options"],
      [session.save(5 as never), "target"],
      [loadModel(tiny, null as never), "options"],
      [loadModel(tiny, { cache: (() => {}) as never }), "cache"],
      [loadModel(tiny, { onWarning: 5 as never }), "onWarning"],
    ];
    for (const [promise, option] of wrong)
      await expect(promise).rejects.toMatchObject({ code: "invalid_option", option });
  });

  test.each([
    ["", "source"],
    [5, "source"],
    [{ "config.json": "text" }, "source"],
    [new URL("ftp://example.org/model"), "source"],
  ])("source %j", async (source, option) => {
    await expect(loadModel(source as never)).rejects.toMatchObject({ code: "invalid_option", option });
  });

  test("a folder that is not there, and a name that is only a configuration", async () => {
    await expect(loadModel("/nowhere/at/all")).rejects.toMatchObject({ code: "not_found" });
    await expect(loadModel("Qwen/Qwen2-7B")).rejects.toThrow(/only its configuration is built in/);
    await expect(loadModel(tiny, { threads: 0 })).rejects.toMatchObject({ option: "threads" });
    await expect(loadModel(tiny, { backend: "cuda" as never })).rejects.toMatchObject({
      code: "invalid_option",
      option: "backend",
    });
    await expect(loadModel(tiny, { cache: "q7" as never })).rejects.toThrow(
      /cache: q7 is not known; there are f32, f16, q8/,
    );
  });
});
