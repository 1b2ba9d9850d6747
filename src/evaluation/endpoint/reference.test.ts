import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LocalTarget } from "../local-target.ts";
import { startTestServer } from "../node/test-openai-server.ts";
import { makeSurrounding, openTestPlan, untold } from "../node/test-target.ts";
import type { ScoreRequest } from "../target.ts";
import { type EndpointTarget, openEndpointTarget } from "./endpoint-target.ts";
import { compareAnswers } from "./reference.ts";

test("prompts of more tokens than a call takes arguments are compared", async () => {
  const lengths: number[] = [];
  const target = {
    tokenize: async (text: string) => new Uint32Array(text.length),
    tokenizePrompt: async (text: string) => new Uint32Array(text.length + 1),
    score: async ({ tokens, way }: ScoreRequest) => {
      lengths.push(tokens.length);
      return { logprobs: new Float64Array(tokens.length).fill(way.name === "none" ? -1 : -2) };
    },
  } as unknown as LocalTarget;
  const server = { complete: async () => ({ text: "ab", logprobs: [-2, -2] }) } as unknown as EndpointTarget;
  const reference = { target, none: { name: "none", factor: 1 }, scaled: { name: "yarn-static", factor: 4 } };
  const prompts = ["x".repeat(300_000), "x".repeat(300_000)];
  const found = await compareAnswers(reference, server, prompts, new AbortController().signal);
  expect(found.nearest).toBe("scaled");
  expect(lengths).toEqual(Array(4).fill(300_003));
});

test("a beginning token stands before the prompt, and not before the answer", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-reference-"));
  await makeSurrounding(folder, ["before"]);
  const { plan, target } = await openTestPlan(["none", "yarn-static"], {}, folder);
  await using _ = target;
  await rm(folder, { recursive: true });
  const served = { dialect: "llama.cpp", context: { extend: "none" }, window: 256 } as const;
  await using server = await startTestServer(target.model({ extend: "yarn", cache: "f32" }), served);
  const { signal } = untold;
  await using there = await openEndpointTarget(server.url, { nativeWindow: 256, sample: plan.haystack.text, signal });
  const [none, scaled] = plan.ways;
  const prompts = [0, 1, 2, 3].map((i) => plan.haystack.text.slice(3000 * i, 3000 * i + 400));
  const found = await compareAnswers({ target, none: none!, scaled: scaled! }, there, prompts, signal);
  expect([found.nearest, found.reason.values.passages]).toEqual(["none", 4]);
  expect(found.reason.values.difference).toBeLessThan(1e-3);
});
