import { expect, test } from "vitest";
import type { LocalTarget } from "../local-target.ts";
import type { ScoreRequest } from "../target.ts";
import type { EndpointTarget } from "./endpoint-target.ts";
import { compareAnswers } from "./reference.ts";

test("prompts of more tokens than a call takes arguments are compared", async () => {
  const lengths: number[] = [];
  const target = {
    tokenize: async (text: string) => new Uint32Array(text.length),
    tokenizePrompt: async (text: string) => new Uint32Array(text.length),
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
  expect(lengths).toEqual(Array(4).fill(300_002));
});
