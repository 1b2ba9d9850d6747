import { expect, test } from "vitest";
import { type LoadOptions, loadModel, type Model, type ModelFiles, type Session } from "../src/index.ts";
import { miniatureSentencePiece } from "../src/text/miniature-tokenizer.ts";
import { type PlainConfig, plainLogits } from "./plain-decoder.ts";
import { randomModel } from "./quantised-models.ts";

/*
 * Families that `fixtures/logits` has no model of: small random models. The expected values are computed here, by the second implementation in
 * `plain-decoder.ts`, and not by transformers.
 */

/** As for the fixtures; see `logits.test.ts`. */
const tolerance = 1e-3;

const sizes = {
  vocab_size: 96,
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 5e5,
  tie_word_embeddings: false,
  max_position_embeddings: 512,
};
const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

interface Case {
  readonly name: string;
  readonly config: PlainConfig & Readonly<Record<string, unknown>>;
  readonly windowOf?: (layer: number) => number;
}

const cases: readonly Case[] = [
  {
    name: "Llama 2",
    config: { ...sizes, model_type: "llama", rope_theta: 1e4, num_key_value_heads: 6, pretraining_tp: 1 },
  },
  { name: "Llama 3.1, scaled", config: { ...sizes, model_type: "llama", rope_scaling: llama3 } },
  {
    name: "Llama 3.2, scaled, tied",
    config: { ...sizes, model_type: "llama", rope_scaling: llama3, tie_word_embeddings: true },
  },
  {
    name: "Llama with all biases, wide heads",
    config: { ...sizes, model_type: "llama", head_dim: 20, attention_bias: true, mlp_bias: true },
  },
  { name: "Mistral without a window", config: { ...sizes, model_type: "mistral", sliding_window: null, head_dim: 16 } },
  {
    name: "Mistral, window of 20",
    config: { ...sizes, model_type: "mistral", sliding_window: 20 },
    windowOf: () => 20,
  },
  {
    name: "Mistral, window of 140",
    config: { ...sizes, model_type: "mistral", sliding_window: 140 },
    windowOf: () => 140,
  },
  {
    name: "Qwen2 whose last layer slides",
    config: { ...sizes, model_type: "qwen2", use_sliding_window: true, sliding_window: 33, max_window_layers: 1 },
    windowOf: (layer) => (layer < 1 ? Infinity : 33),
  },
];

const tokens = Array.from({ length: 300 }, (_, i) => (i * 7919 + (i % 13) * 31) % 96);

async function logitsOf(session: Session, ids: readonly number[], pieces: readonly number[] = [ids.length]) {
  const rows: Float32Array[] = [];
  let start = 0;
  for (const size of pieces) {
    rows.push((await session.append(ids.slice(start, start + size), { logits: "all" })).logits!);
    start += size;
  }
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

const load = (files: ModelFiles, options: LoadOptions): Promise<Model> =>
  loadModel(files, { onWarning: () => {}, ...options });

test.for(cases)(
  "$name: logits of the second implementation, on all backends and kernels",
  async ({ config, windowOf }) => {
    const files = randomModel(config, 4);
    const ids = tokens.slice(0, 200);
    const expected = await plainLogits(files["model.safetensors"] as Blob, config, ids, windowOf);
    for (const options of [
      { backend: "reference" },
      { backend: "wasm" },
      { backend: "wasm", kernels: "plain" },
    ] as const) {
      await using model = await load(files, options);
      await using session = await model.createSession();
      const got = await logitsOf(session, ids);
      expect(Math.max(...expected)).toBeGreaterThan(4);
      const largest = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      expect(largest, JSON.stringify(options)).toBeLessThan(tolerance);
    }
  },
);

const sliding = randomModel({ ...sizes, model_type: "mistral", sliding_window: 140 }, 4);

test.for(["f32", "f16", "q8"] as const)(
  "with a sliding window and the cache %s, a row's bits depend on its tokens alone: chunks, threads, neighbours, guesses",
  async (cache) => {
    await using model = await load(sliding, { cache, threads: 1 });
    await using whole = await model.createSession();
    const expected = await logitsOf(whole, tokens);
    for (const pieces of [[1, 126, 1, 2, 137, 3, 30], Array<number>(300).fill(1), [267, 1, 1, 31]]) {
      await using session = await model.createSession();
      expect(await logitsOf(session, tokens, pieces)).toEqual(expected);
    }
    await using other = await load(sliding, { cache, threads: 3 });
    const together = await Promise.all([1, 2, 3].map(() => other.createSession()));
    for (const got of await Promise.all(together.map((session) => logitsOf(session, tokens))))
      expect(got).toEqual(expected);
    const request = { tokens: tokens.slice(0, 200), maxTokens: 60, temperature: 0, endTokens: [] };
    const { tokens: plain } = await other.generate({ ...request, promptLookup: false }).result();
    expect((await other.generate({ ...request, promptLookup: 16 }).result()).tokens).toEqual(plain);
  },
);

test.for(["f32", "f16", "q8"] as const)(
  "with a sliding window and the cache %s, sessions are cut, forked and grown as without",
  async (cache) => {
    const context = { extend: "yarn", factor: 4, nativeWindow: 160 } as const;
    await using model = await load(sliding, { cache, context: { ...context, schedule: "dynamic" } });
    const fresh = async (ids: readonly number[]): Promise<Float32Array> => {
      await using session = await model.createSession({ plannedTokens: ids.length });
      return await logitsOf(session, ids);
    };
    const last = (rows: Float32Array): Float32Array => rows.slice(-sizes.vocab_size);
    await using session = await model.createSession();
    await session.append(tokens.slice(0, 150));
    await using copy = await session.fork();
    await session.truncate(131);
    const other = [...tokens.slice(0, 131), 5, 6, 7];
    expect(last(await logitsOf(session, [5, 6, 7]))).toEqual(last(await fresh(other)));
    expect(last(await logitsOf(copy, [9]))).toEqual(last(await fresh([...tokens.slice(0, 150), 9])));
    // Past the native window the whole of it is computed again, under the new factor.
    expect(last(await logitsOf(copy, tokens.slice(0, 100)))).toEqual(
      last(await fresh([...tokens.slice(0, 150), 9, ...tokens.slice(0, 100)])),
    );
    expect(copy.factor).toBe(2);
  },
);

test("a window that covers everything changes no bit", async () => {
  const wide = randomModel({ ...sizes, model_type: "mistral", sliding_window: 512 }, 4);
  const none = randomModel({ ...sizes, model_type: "mistral", sliding_window: null }, 4);
  for (const backend of ["reference", "wasm"] as const) {
    await using a = await load(wide, { backend });
    await using b = await load(none, { backend });
    await using first = await a.createSession();
    await using second = await b.createSession();
    expect(await logitsOf(first, tokens)).toEqual(await logitsOf(second, tokens));
  }
});

test("windows and schedules: llama3 scaling is static to the declared window, a sliding window is no limit, YaRN is explicit", async () => {
  await using scaled = await load(randomModel({ ...sizes, model_type: "llama", rope_scaling: llama3 }, 4), {});
  expect(scaled.context).toMatchObject({
    nativeWindow: 512,
    extendedWindow: 512,
    schedule: "static",
    method: "trained",
  });
  await using mistral = await load(sliding, {});
  expect(mistral.context).toMatchObject({ nativeWindow: 512, extendedWindow: 512, method: "none" });
  await using stretched = await load(sliding, { context: { extend: "yarn", factor: 2 } });
  expect(stretched.context).toMatchObject({ nativeWindow: 512, extendedWindow: 1024, schedule: "dynamic" });
  const block = { rope_type: "yarn", factor: 2, original_max_position_embeddings: 256 };
  await using trained = await load(randomModel({ ...sizes, model_type: "llama", rope_scaling: block }, 4), {});
  expect(trained.context).toMatchObject({
    nativeWindow: 512,
    extendedWindow: 512,
    schedule: "static",
    method: "trained",
  });
  await expect(
    load(randomModel({ ...sizes, model_type: "llama", rope_scaling: llama3 }, 4), { context: { extend: "yarn" } }),
  ).rejects.toThrow(/yarn cannot be put on llama3 scaling/);
});

test("with SentencePiece's tokenizer a sequence has one beginning, and an answer the spaces that belong to it", async () => {
  const template = "{{ bos_token }}{% for m in messages %}{{ '[X]' + m.content + '[X]' }}{% endfor %}";
  const tokenizerConfig = { chat_template: template, bos_token: "<s>", eos_token: "</s>" };
  await using model = await load(
    {
      ...randomModel({ ...sizes, model_type: "llama", vocab_size: 285, eos_token_id: null }, 4),
      "tokenizer.json": new Blob([JSON.stringify(miniatureSentencePiece())]),
      "tokenizer_config.json": new Blob([JSON.stringify(tokenizerConfig)]),
    },
    {},
  );
  await using session = await model.createSession();
  const options = { maxTokens: 3, temperature: 0, endTokens: [] };
  const first = await session.generate({ ...options, prompt: "abc" }).result();
  expect(first.usage.promptTokens).toBe(2); // <s>, ▁abc
  const second = await session.generate({ ...options, prompt: "abc" }).result();
  expect(second.usage.promptTokens).toBe(2 + 3 + 2); // a, bc
  const messages = [{ role: "user", content: "abc" }] as const;
  expect([...(await model.applyChatTemplate(messages, { tokenize: true }))]).toEqual([1, 284, 278, 284]);
  const continued = await model.generate({ ...options, prompt: "abc", maxTokens: 60 }).result();
  const answered = await model.generate({ ...options, messages, maxTokens: 60 }).result();
  const whole = await model.detokenize([...(await model.tokenize("abc")), ...continued.tokens], {
    skipSpecialTokens: true,
  });
  expect(`abc${continued.text}`).toBe(whole);
  expect(answered.text).toBe(await model.detokenize(answered.tokens, { skipSpecialTokens: true }));
});
