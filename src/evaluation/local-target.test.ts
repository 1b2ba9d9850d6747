import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEndpointTarget } from "./endpoint/endpoint-target.ts";
import { evaluate } from "./evaluate.ts";
import { startTestServer } from "./node/test-openai-server.ts";
import { makeSurrounding, openTestPlan, untold } from "./node/test-target.ts";

const { signal } = untold;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-local-target-"));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  { ends: ["before"], first: 1, last: 0 },
  { ends: ["before", "after"], first: 1, last: 1 },
] as const)(
  "a text's own tokens are without those around it, prompts have them: $ends",
  async ({ ends, first, last }) => {
    await makeSurrounding(folder, ends);
    const plain = await openTestPlan(["none"]);
    await using own = plain.target;
    await using target = (await openTestPlan(["none"], {}, folder)).target;
    for (const text of ["In the beginning", "a", ""]) {
      const tokens = await own.tokenize(text);
      expect(await target.tokenize(text)).toEqual(tokens);
      const prompt = await target.tokenizePrompt(text);
      expect(prompt.subarray(first, prompt.length - last)).toEqual(tokens);
      expect(await target.countTokens(text)).toBe(tokens.length + first + last);
    }
  },
);

test("a model whose tokenizer has a beginning token is measured as a server of it is", async () => {
  await makeSurrounding(folder, ["before"]);
  const { plan, target } = await openTestPlan(["none"], { lengths: [128], samples: 4 }, folder);
  await using _ = target;
  const served = { dialect: "vllm", context: { extend: "none" }, window: 256 } as const;
  await using server = await startTestServer(target.model({ extend: "none", cache: "f32" }), served);
  const sample = plan.haystack.text;
  await using there = await openEndpointTarget(server.url, { nativeWindow: 256, sample, signal });
  expect(await there.tokenize(sample)).toEqual(await target.tokenize(sample));
  expect(await there.countTokens(sample)).toBe(await target.countTokens(sample));
  const suites = ["passkey", "perplexity"] as const;
  const ways = [{ name: "endpoint", factor: 1 }];
  const asked = await evaluate({ ...plan, target: there, methods: [], ways }, { suites, signal });
  const own = await evaluate(plan, { suites, signal });
  expect(asked.cells.map((cell) => ({ ...cell, method: "none" }))).toEqual(own.cells);
  expect(asked.samples.map(({ promptHash }) => promptHash)).toEqual(own.samples.map(({ promptHash }) => promptHash));
});
