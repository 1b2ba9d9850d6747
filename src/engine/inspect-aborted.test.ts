import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { inspectAdapter } from "./inspect-adapter.ts";
import { inspectModel } from "./inspect-model.ts";
import { qwen2Instruct } from "./test-configs.ts";

/** A server that never answers, and how many of those who ask it are still there. */
let server: Server;
let waiting = 0;
let asked = 0;
let address: string;
beforeAll(async () => {
  server = createServer((_, response) => {
    asked++;
    waiting++;
    response.once("close", () => waiting--);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("HF_ENDPOINT", address);
  vi.stubEnv("HF_HUB_OFFLINE", "0");
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const config = { "config.json": new Blob([JSON.stringify(qwen2Instruct)]) };

test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
  ["a model at an address", (signal) => inspectModel(new URL(`${address}/model/`), { signal })],
  ["a GGUF file at an address", (signal) => inspectModel(new URL(`${address}/model.gguf`), { signal })],
  ["a model on the Hub", (signal) => inspectModel("owner/name", { signal })],
  [
    "an adapter beside a model",
    (signal) => inspectModel(config, { signal, adapters: { law: new URL(`${address}/law/`) } }),
  ],
  ["an adapter", (signal) => inspectAdapter(new URL(`${address}/law/`), { signal })],
  ["an adapter on the Hub", (signal) => inspectAdapter("owner/law", { signal })],
])("%s: an abort ends what waits for a server, and the request", async (_, inspect) => {
  const controller = new AbortController();
  const reason = new Error("no more");
  const before = asked;
  const inspected = inspect(controller.signal);
  inspected.catch(() => {});
  await vi.waitFor(() => expect(asked).toBeGreaterThan(before), 5000);
  controller.abort(reason);
  await expect(inspected).rejects.toBe(reason);
  await vi.waitFor(() => expect(waiting).toBe(0), 5000);
});

test("what is aborted before asks nobody, and what is no signal is refused", async () => {
  const before = asked;
  const signal = AbortSignal.abort();
  await expect(inspectModel(new URL(`${address}/model/`), { signal })).rejects.toBe(signal.reason);
  await expect(inspectAdapter("owner/law", { signal })).rejects.toBe(signal.reason);
  expect(asked).toBe(before);
  const options = { signal: "now" } as unknown as { signal: AbortSignal };
  await expect(inspectModel(config, options)).rejects.toThrow("signal: must be an AbortSignal");
  await expect(inspectAdapter(config, options)).rejects.toThrow("signal: must be an AbortSignal");
});
