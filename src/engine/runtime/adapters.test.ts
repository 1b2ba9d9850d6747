import { expect, test } from "vitest";
import { resolveContext } from "../../context/settings.ts";
import { Adapters, type LoadedAdapter } from "./adapters.ts";

const context = {
  options: {},
  settings: resolveContext({ model_type: "qwen2", head_dim: 8, max_position_embeddings: 64 }),
};

test("an adapter that is unloaded while a saved session looks for its own is not found", async () => {
  const adapters = new Adapters();
  const { promise, resolve } = Promise.withResolvers<string>();
  const make = (): LoadedAdapter => ({
    facts: { name: "law", modules: 1, rank: 1, context: context.settings },
    context,
    matrices: new Map(),
    fingerprint: () => promise,
    free: () => {},
  });
  adapters.add(make());
  const found = adapters.withFingerprint("digest");
  adapters.remove("law");
  adapters.add(make()); // another one of this name, which nobody has asked yet
  resolve("digest");
  expect(await found).toBeUndefined();
  expect(await adapters.withFingerprint("digest")).toBe(adapters.get("law"));
});
