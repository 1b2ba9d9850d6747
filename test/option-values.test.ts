import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ContextOptions, loadModel, type Model } from "../src/index.ts";
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

test("texts that end an answer may come out of a Proxy", async () => {
  const request = { prompt: "In the beginning", maxTokens: 8, temperature: 0 };
  const stop = (await model.generate(request).result()).text.slice(2, 5);
  const proxied = await model.generate({ ...request, stop: new Proxy([stop], {}) }).result();
  expect(proxied.text).toBe((await model.generate({ ...request, stop }).result()).text);
  expect(proxied.finishReason).toBe("stop");
});
