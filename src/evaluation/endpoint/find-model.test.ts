import { expect, test } from "vitest";
import { startScriptedServer } from "../node/test-openai-server.ts";
import { parseAddress } from "./address.ts";
import { EndpointClient } from "./client.ts";
import { type FoundModel, findModel } from "./find-model.ts";

const signal = new AbortController().signal;

async function find(cards: readonly object[], name: string): Promise<FoundModel> {
  await using server = await startScriptedServer((path, response) => {
    const isList = path.endsWith("/models");
    response.writeHead(isList ? 200 : 404).end(JSON.stringify(isList ? { data: cards } : { detail: "Not Found" }));
  });
  return await findModel(new EndpointClient(parseAddress(server.url)), name, signal);
}

test("an adapter of vLLM has its base's window, and is of the same engine", async () => {
  const base = { id: "base", owned_by: "vllm", max_model_len: 4096, parent: null };
  const adapter = { id: "law", owned_by: "vllm", parent: "base" };
  expect(await find([base, adapter], "law")).toEqual({ name: "law", window: 4096, engine: "vllm" });
  expect(await find([base, adapter], "base")).toEqual({ name: "base", window: 4096, engine: "vllm" });
  expect(await find([adapter], "law")).toEqual({ name: "law", window: undefined, engine: "vllm" });
});

test("llama.cpp is known by who owns its model, where a proxy does not pass its settings on", async () => {
  const found = await find([{ id: "a.gguf", owned_by: "llamacpp" }], "a.gguf");
  expect(found).toEqual({ name: "a.gguf", window: undefined, engine: "llama.cpp" });
});

test("a model of another engine beside it has neither", async () => {
  const cards = [
    { id: "base", owned_by: "vllm", max_model_len: 4096 },
    { id: "other", owned_by: 7, parent: [] },
  ];
  expect(await find(cards, "other")).toEqual({ name: "other", window: undefined, engine: undefined });
});
