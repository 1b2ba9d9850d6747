import { afterAll, beforeAll, expect, test } from "vitest";
import type { ContextOptions } from "../../index.ts";
import { createHaystack } from "../haystack.ts";
import type { LocalTarget } from "../local-target.ts";
import { startTestServer, type TestServer } from "../node/test-openai-server.ts";
import { openTestPlan } from "../node/test-target.ts";
import type { Behaviour, Cell } from "../result.ts";
import type { Plan } from "../trial.ts";
import { recogniseBehaviour } from "./behaviour.ts";
import type { BehaviourOptions } from "./behaviour-options.ts";
import { openEndpointTarget } from "./endpoint-target.ts";
import type { Reference } from "./reference.ts";

const signal = new AbortController().signal;
const lengths = [256, 768];
const contexts: Record<"none" | "static" | "dynamic", ContextOptions> = {
  none: { extend: "none" },
  static: { schedule: "static", factor: 4 },
  dynamic: { schedule: "dynamic", factor: 4 },
};

let local: { readonly plan: Plan; readonly target: LocalTarget };
let server: TestServer;
let reference: Reference;

beforeAll(async () => {
  const { plan, target } = await openTestPlan(["none", "yarn-static", "yarn-dynamic"], { lengths });
  local = { target, plan: { ...plan, haystack: createHaystack("part", plan.haystack.text.slice(0, 15_000)) } };
  server = await startTestServer(local.target.model({ extend: "yarn", cache: "f32" }), {
    ...{ dialect: "vllm", context: contexts.none, window: 768 },
  });
  const [none, scaled] = local.plan.ways;
  reference = { target: local.target, none: none!, scaled: scaled! };
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await local.target[Symbol.asyncDispose]();
});

async function recognise(served: TestServer["served"], more: Partial<BehaviourOptions> = {}): Promise<Behaviour> {
  server.served = served;
  const nativeWindow = 256;
  const sample = local.plan.haystack.text;
  await using target = await openEndpointTarget(server.url, { nativeWindow, sample, signal });
  const plan = { ...(more.plan ?? local.plan), target, methods: [], ways: [{ name: "endpoint", factor: 1 }] };
  return recogniseBehaviour({ target, signal, ...more, plan });
}

const codes = ({ reasons }: Behaviour): readonly string[] => reasons.map(({ code }) => code);

test("a server that refuses more than its window is limited, in both dialects", async () => {
  for (const dialect of ["vllm", "llama.cpp"] as const) {
    expect(await recognise({ dialect, context: contexts.none, window: 256 })).toEqual({
      kind: "limited",
      reasons: [{ code: "refused_beyond", values: { length: 768, nativeWindow: 256, window: 256 } }],
    });
  }
});

test("with log probabilities of prompts: unscaled, static and dynamic, without a reference", async () => {
  const served = { dialect: "vllm", window: 768 } as const;
  const none = await recognise({ ...served, context: contexts.none });
  expect([none.kind, ...codes(none)]).toEqual([
    ...["unscaled", "accepted_beyond", "beginning_same", "perplexity_collapses"],
  ]);
  const scaled = await recognise({ ...served, context: contexts.static });
  expect([scaled.kind, ...codes(scaled)]).toEqual([
    ...["static", "accepted_beyond", "beginning_same", "perplexity_holds"],
  ]);
  const dynamic = await recognise({ ...served, context: contexts.dynamic });
  expect([dynamic.kind, ...codes(dynamic)]).toEqual([
    ...["dynamic", "accepted_beyond", "beginning_differs", "perplexity_holds"],
  ]);
  expect(dynamic.reasons[1]!.values).toMatchObject({ noise: 0, length: 768, passages: 4 });
});

test("a server that takes more than it declares is not judged by texts that are not sent", async () => {
  const found = await recognise({ dialect: "vllm", context: contexts.dynamic, window: 768, declared: 256 });
  expect(found).toEqual({
    kind: "unclear",
    reasons: [
      { code: "accepted_beyond", values: { length: 768, nativeWindow: 256 } },
      { code: "score_refused", values: { length: 760, window: 256 } },
    ],
  });
});

test("with a reference, what is computed within the window says which of the two it is", async () => {
  const served = { dialect: "vllm", window: 768 } as const;
  // Near the window, nothing else could tell.
  const near = { reference, plan: { ...local.plan, lengths: [288] } };
  const none = await recognise({ ...served, context: contexts.none }, near);
  expect([none.kind, codes(none).at(-1), none.reasons.at(-1)!.values.method]).toEqual([
    ...["unscaled", "reference_agrees", "none"],
  ]);
  const scaled = await recognise({ ...served, context: contexts.static }, near);
  expect([scaled.kind, scaled.reasons.at(-1)!.values.method]).toEqual(["static", "yarn-static"]);
  // Nearer to one of the two than to the other, but to neither near.
  const other = await recognise({ ...served, context: { schedule: "static", factor: 1.5 } }, near);
  expect([other.kind, codes(other).at(-1)]).toEqual(["unclear", "reference_unclear"]);
});

const found = { suite: "passkey", task: "passkey", method: "endpoint", factor: 1, samples: 60 } as const;
const holding: readonly Cell[] = [
  { ...found, length: 256, accuracy: 1, interval: [0.94, 1] },
  { ...found, length: 768, accuracy: 0.95, interval: [0.86, 0.98] },
];

test("without: unscaled by pass keys, scaled otherwise; static or dynamic with a reference alone", async () => {
  const served = { dialect: "llama.cpp", window: 768 } as const;
  const far = { ...local.plan, lengths: [1024] };
  const none = await recognise({ ...served, window: 1024, context: contexts.none }, { plan: far });
  expect([none.kind, ...codes(none)]).toEqual([
    ...["unscaled", "accepted_beyond", "no_prompt_logprobs", "passkey_drops"],
  ]);
  const cells = holding;
  const scaled = await recognise({ ...served, context: contexts.static }, { cells });
  expect([scaled.kind, ...codes(scaled)]).toEqual([
    ...["scaled", "accepted_beyond", "no_prompt_logprobs", "passkey_holds", "no_reference"],
  ]);
  for (const [kind, method] of [
    ["static", "yarn-static"],
    ["dynamic", "none"],
  ] as const) {
    const seen = await recognise({ ...served, context: contexts[kind] }, { reference, cells });
    expect([seen.kind, codes(seen).at(-1), seen.reasons.at(-1)!.values.method]).toEqual([
      ...[kind, "reference_agrees", method],
    ]);
  }
});

test("chats are of the server's template, and not compared with a reference, which costs nothing", async () => {
  server.requests.length = 0;
  const served = { dialect: "llama.cpp", window: 768, context: contexts.static, chatOnly: true } as const;
  const scaled = await recognise(served, { reference, cells: holding });
  expect([scaled.kind, ...codes(scaled)]).toEqual([
    ...["scaled", "accepted_beyond", "no_prompt_logprobs", "passkey_holds", "asked_by_chats"],
  ]);
  expect(server.requests.filter(({ body }) => body.logprobs !== undefined)).toEqual([]);
});
