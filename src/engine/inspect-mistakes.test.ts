import { expect, test } from "vitest";
import { aligned, encodeGgufHeader, type TypedValue, tensorBytes } from "../checkpoint/gguf/write-header.ts";
import { QWEN2_CHAT_TEMPLATE } from "../text/qwen2-template.ts";
import { inspectModel } from "./inspect-model.ts";
import type { InspectionWarning, InspectOptions } from "./inspection.ts";
import { qwen2Instruct as instruct, yarnOfFour as yarn } from "./test-configs.ts";

const base = { ...instruct, max_position_embeddings: 131072, eos_token_id: 151643 };
const qwen3 = { ...instruct, model_type: "qwen3", head_dim: 128, max_position_embeddings: 40960 };
const controlTokens = {
  151643: { content: "<|endoftext|>" },
  151644: { content: "<|im_start|>" },
  151645: { content: "<|im_end|>" },
};

interface Files {
  readonly config: object;
  readonly generation?: object;
  readonly tokenizer?: object;
}

async function find(files: Files, options?: InspectOptions): Promise<readonly InspectionWarning[]> {
  const json = (value: object) => new Blob([JSON.stringify(value)]);
  const source = {
    "config.json": json(files.config),
    ...(files.generation ? { "generation_config.json": json(files.generation) } : {}),
    ...(files.tokenizer ? { "tokenizer_config.json": json(files.tokenizer) } : {}),
  };
  return (await inspectModel(source, options)).warnings;
}

/** The only finding. */
async function findOne(files: Files, options?: InspectOptions): Promise<InspectionWarning> {
  const found = await find(files, options);
  expect(found).toHaveLength(1);
  expect(found[0]?.fix).not.toContain("\n");
  return found[0]!;
}

test("1. a window that was multiplied already, without the original one", async () => {
  const config = { ...instruct, max_position_embeddings: 131072, rope_scaling: { type: "yarn", factor: 4 } };
  const found = await findOne({ config });
  expect(found).toMatchObject({ code: "yarn_without_original_window", level: "warning" });
  expect(found.fix).toContain('"original_max_position_embeddings": 32768 to rope_scaling');
});

test("2. a factor that does not lead from one window to the other", async () => {
  const found = await findOne({ config: { ...instruct, max_position_embeddings: 65536, rope_scaling: yarn } });
  expect(found).toMatchObject({ code: "yarn_factor_does_not_fit", level: "warning" });
  expect(found.fix).toContain('"factor": 2 in rope_scaling');
});

test("3. type and rope_type that disagree", async () => {
  const found = await findOne({ config: { ...instruct, rope_scaling: { ...yarn, type: "linear" } } });
  expect(found).toMatchObject({ code: "type_and_rope_type_disagree", level: "warning" });
  expect(found.fix).toContain("remove type from rope_scaling");
});

test.each<[string, Files]>([
  ["text_config.rope_scaling in config.json", { config: { ...instruct, text_config: { rope_scaling: yarn } } }],
  ["text_config.rope_parameters in config.json", { config: { ...instruct, text_config: { rope_parameters: yarn } } }],
  ["ropeScaling in config.json", { config: { ...instruct, ropeScaling: yarn } }],
  ["rope_type in config.json", { config: { ...instruct, rope_type: "yarn", factor: 4 } }],
  [
    "original_max_position_embeddings in config.json",
    { config: { ...instruct, max_position_embeddings: 65536, original_max_position_embeddings: 32768 } },
  ],
  [
    "rope_scaling in generation_config.json",
    { config: instruct, generation: { eos_token_id: 151645, rope_scaling: yarn } },
  ],
  ["rope_parameters in tokenizer_config.json", { config: instruct, tokenizer: { rope_parameters: yarn } }],
])("4. a block where nothing reads it: %s", async (place, files) => {
  const found = await findOne(files);
  expect(found).toMatchObject({ code: "scaling_is_not_read", level: "warning" });
  expect(found.message).toContain(`${place} is not read`);
  expect(found.fix).toMatch(/^move it into "rope_scaling" at the top of config\.json/);
});

test("4. a second block beside the one that counts: to be removed", async () => {
  const found = await findOne({ config: { ...instruct, rope_scaling: yarn, text_config: { rope_scaling: yarn } } });
  expect(found).toMatchObject({ code: "scaling_is_not_read", fix: "remove text_config.rope_scaling from config.json" });
});

test("4. a block that only transformers 5 reads", async () => {
  const { rope_theta, ...rest } = instruct;
  const found = await findOne({ config: { ...rest, rope_parameters: { ...yarn, rope_theta } } });
  expect(found).toMatchObject({ code: "rope_parameters_is_new", level: "note" });
  expect(found.message).toContain("yarn scaling, rope_theta 1000000: only rope_parameters says it");
  expect(found.fix).toContain('"rope_scaling" and "rope_theta" beside it');
  // Saved for both: nothing is lost.
  const both = { ...instruct, rope_scaling: yarn, rope_parameters: { ...yarn, rope_theta } };
  expect(await find({ config: both })).toEqual([]);
  expect(await find({ config: { ...instruct, rope_parameters: { rope_type: "default", rope_theta } } })).toEqual([]);
});

test.each<[string, object, RegExp]>([
  ["the base model", { ...base, rope_scaling: yarn }, /base model \(end token 151643\).* takes 131072 tokens/],
  ["the base model, without the original window", { ...base, rope_scaling: { type: "yarn", factor: 4 } }, /base model/],
  [
    "four times the longest window",
    {
      ...instruct,
      max_position_embeddings: 131072,
      rope_scaling: { ...yarn, original_max_position_embeddings: 131072 },
    },
    /past 131072 tokens/,
  ],
  [
    "a Qwen3 that has 262144 tokens as it is",
    { ...qwen3, rope_theta: 5e6, max_position_embeddings: 262144, rope_scaling: { ...yarn, factor: 8 } },
    /takes 262144 tokens with no scaling/,
  ],
])("5. yarn that the model was never meant to have: %s", async (_, config, message) => {
  const found = await findOne({ config });
  expect(found).toMatchObject({ code: "yarn_was_not_meant", level: "warning" });
  expect(found.message).toMatch(message);
  expect(found.fix).toBe("remove the yarn block (rope_scaling)");
});

test("6. static scaling for short work: what the length asked for, or the tokenizer's own, needs none of", async () => {
  const config = { ...instruct, rope_scaling: yarn };
  const asked = await findOne({ config }, { context: 8192 });
  expect(asked).toMatchObject({ code: "static_scaling_for_short_work", level: "note" });
  expect(asked.message).toContain("8192 tokens fit within the native window (32768)");
  // 1.1386 squared; of Qwen2-7B's 64 pairs YaRN keeps 24.
  expect(asked.message).toContain("slows 40 of 64 pairs of a head and raises attention scores by 29.6 %");
  expect(asked.fix).toContain("remove the yarn block");
  const cut = await findOne({ config, tokenizer: { model_max_length: 32768 } });
  expect(cut.message).toContain("model_max_length 32768 in tokenizer_config.json keeps texts");

  expect(await find({ config }, { context: 32769 })).toEqual([]);
  expect(await find({ config, tokenizer: { model_max_length: 131072 } })).toEqual([]);
  expect(await find({ config: instruct }, { context: 8192 })).toEqual([]);
});

const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
const text = (value: string): TypedValue => ({ type: "string", value });

/** A GGUF file without a tokenizer and with one tensor. */
async function findInGguf(
  changes: Readonly<Record<string, TypedValue>>,
  options?: InspectOptions,
): Promise<readonly InspectionWarning[]> {
  const metadata = {
    "general.architecture": text("qwen2"),
    "qwen2.block_count": uint32(28),
    "qwen2.context_length": uint32(32768),
    "qwen2.embedding_length": uint32(3584),
    "qwen2.feed_forward_length": uint32(18944),
    "qwen2.attention.head_count": uint32(28),
    "qwen2.attention.head_count_kv": uint32(4),
    "qwen2.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-6 },
    "qwen2.rope.freq_base": { type: "float32", value: 1e6 },
    "tokenizer.ggml.eos_token_id": uint32(151645),
    ...changes,
  } satisfies Readonly<Record<string, TypedValue>>;
  const tensors = [{ name: "token_embd.weight", shape: [152064, 32], type: "Q8_0" }];
  const data = tensors.map((tensor) => new Uint8Array(aligned(tensorBytes(tensor))));
  const { warnings, format } = await inspectModel(
    { "model.gguf": new Blob([encodeGgufHeader(metadata, tensors), ...data]) },
    options,
  );
  expect(format).toBe("gguf");
  // The tensors of the model are left out here.
  return warnings.filter(({ code }) => code !== "weights_do_not_fit");
}

test("7. a GGUF file with a long context and without the keys that scale it", async () => {
  const long = { "qwen2.context_length": uint32(131072) };
  const [found, ...others] = await findInGguf(long);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ code: "gguf_context_without_scaling", level: "warning" });
  expect(found?.fix).toContain("qwen2.rope.scaling.type yarn, qwen2.rope.scaling.factor 4");
  expect(found?.fix).toContain("nativeWindow: 32768");

  expect(await findInGguf({})).toEqual([]);
  expect(await findInGguf(long, { nativeWindow: 32768 })).toEqual([]);
  const scaling = {
    "qwen2.rope.scaling.type": text("yarn"),
    "qwen2.rope.scaling.factor": { type: "float32", value: 4 },
    "qwen2.rope.scaling.original_context_length": uint32(32768),
  } as const;
  expect(await findInGguf({ ...long, ...scaling })).toEqual([]);
  // The base model takes them as it is, and so does one with another base.
  expect(await findInGguf({ ...long, "tokenizer.ggml.eos_token_id": uint32(151643) })).toEqual([]);
  expect(await findInGguf({ ...long, "qwen2.rope.freq_base": { type: "float32", value: 1e7 } })).toEqual([]);
});

test("7. a factor in a GGUF file without its method is an error that names the key", async () => {
  await expect(findInGguf({ "qwen2.rope.scaling.factor": { type: "float32", value: 4 } })).rejects.toMatchObject({
    code: "invalid_config",
    field: "qwen2.rope.scaling.type",
  });
});

test("8. end tokens that the chat template does not end its turns with", async () => {
  const tokenizer = { chat_template: QWEN2_CHAT_TEMPLATE, added_tokens_decoder: controlTokens };
  const tuned = await findOne({ config: { ...instruct, eos_token_id: [151643, 151644] }, tokenizer });
  expect(tuned).toMatchObject({ code: "chat_template_end_token_missing", level: "warning" });
  expect(tuned.message).toContain(
    "ends a turn with <|im_end|> (151645), which is none of the end tokens (151643, 151644)",
  );
  expect(tuned.fix).toContain('"eos_token_id": [151645, 151643, 151644] in generation_config.json');

  // All files of a base model say the same: it is not made for chat, and its template is not for it.
  const untuned = await findOne({ config: base, tokenizer: { ...tokenizer, eos_token: "<|endoftext|>" } });
  expect(untuned).toMatchObject({ code: "chat_template_end_token_missing", level: "note" });

  // Where another file names the token, that is said alone.
  const generation = { eos_token_id: 151643 };
  expect((await findOne({ config: instruct, generation, tokenizer })).code).toBe("end_tokens_disagree");
  const own = { ...tokenizer, eos_token: "<|im_end|>" };
  expect((await findOne({ config: base, tokenizer: own })).code).toBe("tokenizer_end_token_differs");
  expect(await find({ config: instruct, tokenizer: own })).toEqual([]);
  // Templates by their names.
  const named = { ...tokenizer, chat_template: [{ name: "default", template: QWEN2_CHAT_TEMPLATE }] };
  expect((await findOne({ config: base, tokenizer: named })).code).toBe("chat_template_end_token_missing");
});

test("9. a tokenizer's length that contradicts the window; what Qwen publishes does not", async () => {
  const above = await findOne({ config: instruct, tokenizer: { model_max_length: 262144 } });
  expect(above).toMatchObject({ code: "model_max_length_exceeds_window", level: "warning" });
  expect(above.fix).toContain('"model_max_length": 32768');
  const below = await findOne({ config: base, tokenizer: { model_max_length: 32768 } });
  expect(below).toMatchObject({ code: "model_max_length_below_window", level: "note" });
  expect(await find({ config: instruct, tokenizer: { model_max_length: 131072 } })).toEqual([]);
  expect(await find({ config: qwen3, tokenizer: { model_max_length: 131072 } })).toEqual([]);
});

test("a hostile file gets no text of its own into a finding", async () => {
  const evil = "\u001b[2Jevil";
  const found = await find({
    config: {
      ...instruct,
      text_config: { rope_scaling: { rope_type: evil } },
      rope_scaling: { [evil]: 1, rope_type: "yarn", factor: 2 },
    },
    tokenizer: { chat_template: evil, added_tokens_decoder: { 5: { content: evil } } },
  });
  expect(found.length).toBeGreaterThan(0);
  expect(JSON.stringify(found)).not.toContain("evil");
});

test.each([0, -1, 1.5, Number.NaN, "8192"])("a length that is none is refused: %s", async (context) => {
  await expect(find({ config: instruct }, { context: context as number })).rejects.toMatchObject({
    code: "invalid_option",
  });
});
