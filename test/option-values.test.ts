import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ContextOptions,
  inspectAdapter,
  inspectModel,
  loadModel,
  type Model,
  type ModelInspection,
  mergeAdapter,
  quantizeModel,
  servingSettings,
} from "../src/index.ts";
import { randomAdapter } from "./adapter-models.ts";
import { someTokens, tiny } from "./tiny.ts";

/* What callers in plain JavaScript give: objects of classes, Proxies, values that types would not let through. */
const native: ContextOptions = { extend: "none" };
class NativeOnly implements ContextOptions {
  get extend(): "none" {
    return "none";
  }
}
const tokens = someTokens(300);

let model: Model;
beforeAll(async () => {
  model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 } });
});
afterAll(() => model.dispose());

describe.each<[string, ContextOptions]>([
  ["inherited", Object.create(native)],
  ["computed", new NativeOnly()],
  ["of a Proxy", new Proxy(native, {})],
])("a context whose fields are %s is followed", (_how, context) => {
  test("by a request", async () => {
    const answer = model.generate({ tokens, maxTokens: 2, context });
    await expect(answer.result()).rejects.toMatchObject({ code: "context_length_exceeded", tokensAvailable: 256 });
  });

  test("by a session", async () => {
    await using session = await model.createSession({ context });
    await expect(session.append(tokens)).rejects.toMatchObject({ tokensAvailable: 256 });
    const answer = session.generate({ tokens, maxTokens: 2, context });
    await expect(answer.result()).rejects.toMatchObject({ tokensAvailable: 256 });
  });
});

test("so is the one that a model is loaded with", async () => {
  await using stretched = await loadModel(tiny, { context: Object.create({ extend: "yarn", factor: 4 }) });
  expect(stretched.context).toMatchObject({ method: "yarn", extendedWindow: 1024 });
});

test("other options that are inherited or computed are followed by a session too, and by a model", async () => {
  class Short {
    readonly prompt = "In the beginning";
    get maxTokens(): number {
      return 3;
    }
  }
  await using session = await model.createSession();
  for (const owner of [model, session]) {
    const { tokens } = await owner.generate(new Short()).result();
    const inherited = await owner.generate(Object.create({ prompt: " the", maxTokens: 2 })).result();
    expect([tokens.length, inherited.tokens.length]).toEqual([3, 2]);
  }
});

test("an inherited download is not lost", async () => {
  const options = Object.create({ download: "yes" });
  const calls = [
    () => loadModel(tiny, options),
    () => model.loadAdapter("one", tiny, options),
    () => quantizeModel(tiny, "never.gguf", Object.create({ download: "yes", type: "q8_0" })),
    () => mergeAdapter(tiny, tiny, "never", options),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ option: "download" });
});

test("nor are the window and the factor of an adapter", async () => {
  const { files: source } = randomAdapter(1);
  await expect(model.loadAdapter("law", Object.create({ source, window: -1 }))).rejects.toMatchObject({
    option: "adapters.law.window",
  });
  await model.loadAdapter("law", Object.create({ source, window: 512, factor: 2 }));
  expect(model.adapters.get("law")!.context).toMatchObject({ nativeWindow: 512, minimumFactor: 2 });
  await model.unloadAdapter("law");
});

test("a context that is null is none: only generate takes it for one that is left out", async () => {
  const context = null as never;
  await expect(loadModel(tiny, { context })).rejects.toMatchObject({ option: "context" });
  await expect(model.createSession({ context })).rejects.toMatchObject({ option: "context" });
});

test("texts that end an answer may come out of a Proxy", async () => {
  const request = { prompt: "In the beginning", maxTokens: 8, temperature: 0 };
  const stop = (await model.generate(request).result()).text.slice(2, 5);
  const proxied = await model.generate({ ...request, stop: new Proxy([stop], {}) }).result();
  expect(proxied.text).toBe((await model.generate({ ...request, stop }).result()).text);
  expect(proxied.finishReason).toBe("stop");
});

describe("null is what is left out, as in bodies of JSON", () => {
  const request = { prompt: "In the beginning", maxTokens: 4, temperature: 0.5, seed: 1 };
  const names = [
    ...[
      "messages",
      "tokens",
      "specialTokens",
      "tools",
      "templateArguments",
      "maxTokens",
      "temperature",
      "topK",
      "topP",
    ],
    ...["minP", "repetitionPenalty", "presencePenalty", "frequencyPenalty", "stop", "endTokens", "logprobs"],
    ...["promptLookup", "context", "adapter", "prompt"],
  ];
  const settle = (options: object): Promise<object> =>
    model
      .generate({ ...request, ...options })
      .result()
      .then(
        ({ timings, usage, ...answer }) => answer,
        ({ code, message }: { readonly code: string; readonly message: string }) => ({ code, message }),
      );

  test.each(names)("%s", async (name) => {
    expect(await settle({ [name]: null })).toEqual(await settle({ [name]: undefined }));
  });

  test("seed", async () => {
    const { seed } = await model.generate({ ...request, seed: null } as never).result();
    expect(seed).toBeGreaterThan(1);
  });

  test("all of them, in a session", async () => {
    await using session = await model.createSession();
    const nothing = Object.fromEntries(names.map((name) => [name, null]));
    const { tokens } = await session.generate({ ...nothing, ...request }).result();
    expect(tokens).toHaveLength(4);
    const more = await session.generate({ ...nothing, maxTokens: 2 }).result();
    expect([more.tokens.length, session.length]).toEqual([2, more.usage.totalTokens]);
  });
});

test("values that no type lets through are named", async () => {
  const detached = Uint32Array.of(1, 2);
  structuredClone(detached, { transfer: [detached.buffer] });
  const inspection = await inspectModel(tiny);
  await using session = await model.createSession();
  const none = null as never;
  const wrong: [() => Promise<unknown>, string, RegExp?][] = [
    [() => model.tokenize("x", none), "options"],
    [() => model.tokenize("x", { specialTokens: "1" as never }), "specialTokens", /true or false, not "1"$/],
    [() => model.tokenize("x", { continues: 1 as never }), "continues"],
    [() => model.detokenize([1], none), "options"],
    [() => model.detokenize([1], { skipSpecialTokens: "no" as never }), "skipSpecialTokens"],
    [() => model.detokenize(detached), "tokens", /transferred/],
    [() => model.applyChatTemplate([], none), "options"],
    [() => model.applyChatTemplate([], { tokenize: 1 } as never), "tokenize"],
    [() => model.applyChatTemplate([], { addGenerationPrompt: "" as never }), "addGenerationPrompt"],
    [() => inspectModel(tiny, none), "options"],
    [() => inspectModel(tiny, { context: 5n as never }), "context"],
    [() => inspectAdapter(tiny, none), "options"],
    [() => servingSettings(inspection, none), "options"],
    [() => servingSettings(inspection, { engine: Symbol("vllm") as never }), "engine", /not a symbol$/],
    [() => servingSettings({} as ModelInspection, { engine: "vllm" }), "inspection"],
    [() => servingSettings(none, { engine: "vllm" }), "inspection"],
    [() => session.append([1], { logits: 5n as never }), "logits", /"none", "last" or "all", not 5$/],
    [() => session.append(detached), "tokens", /transferred/],
    [() => session.truncate(Object.create(null)), "length"],
    [() => model.generate({ tokens: detached }).result(), "tokens", /transferred/],
    [() => model.generate({ tokens: [Symbol("1")] as never }).result(), "tokens[0]"],
    [() => model.generate({ prompt: "x", context: { extend: 5n as never } }).result(), "context.extend"],
    [() => model.createSession({ plannedTokens: 1.5 }), "plannedTokens"],
    [() => model.generate({ prompt: "x", maxTokens: 2 ** 31 + 1 }).result(), "maxTokens", /from 1 to 2147483648/],
    [() => loadModel(tiny, { threads: 5n as never }), "threads", /from 1 to 1024, not 5$/],
    [() => loadModel(tiny, { kernels: Symbol("plain") as never }), "kernels", /a name, not a symbol$/],
  ];
  for (const [call, option, message = /./] of wrong) {
    const error = { code: "invalid_option", option, message: expect.stringMatching(message) };
    await expect(call(), option).rejects.toMatchObject(error);
  }
});
