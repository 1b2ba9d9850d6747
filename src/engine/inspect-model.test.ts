import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectModel } from "./inspect-model.ts";
import type { ModelInspection } from "./inspection.ts";
import { qwen2Instruct as config, yarnOfFour as yarn } from "./test-configs.ts";

const tiny = new URL("../../models/tiny-qwen2", import.meta.url);

/** Files of a checkpoint, by name; text stays as it is. */
function inspectFiles(contents: Record<string, unknown>, options = {}): Promise<ModelInspection> {
  const files = Object.entries(contents).map(([name, content]) => [
    name,
    new Blob([typeof content === "string" ? content : JSON.stringify(content)]),
  ]);
  return inspectModel(Object.fromEntries(files), options);
}

const codesOf = ({ warnings }: ModelInspection) => warnings.map(({ code }) => code);

test("Qwen2-7B needs no extension; Qwen2-7B-Instruct reaches the same window by YaRN of factor 4", async () => {
  const base = await inspectModel("Qwen/Qwen2-7B");
  expect(base.context).toMatchObject({ nativeWindow: 131072, extendedWindow: 131072, method: "none" });
  expect(base.yarn).toMatchObject({ needed: false, declared: false });
  expect(base.endTokens).toEqual([{ id: 151643, text: "<|endoftext|>" }]);

  const instruct = await inspectModel("qwen/qwen2-7b-instruct");
  expect(instruct).toMatchObject({
    name: "Qwen/Qwen2-7B-Instruct",
    origin: "published",
    parameters: 7_615_616_512,
    weights: null,
  });
  expect(instruct.context).toMatchObject({ nativeWindow: 32768, extendedWindow: 32768 });
  expect(instruct.encoding).toMatchObject({ method: "default", theta: 1e6, pairs: 64, factor: 1, attentionScaling: 1 });
  expect(instruct.encoding.wavelengths).toHaveLength(64);
  expect(instruct.encoding.wavelengths[63]).toBeCloseTo(2 * Math.PI * 1e6 ** (63 / 64), -2);
  expect(instruct.yarn).toMatchObject({
    needed: true,
    schedule: "dynamic",
    steps: [1, 2, 4],
    pairs: { kept: 24, blended: 16, interpolated: 24 },
    option: { extend: "yarn", factor: 4 },
  });
  expect(instruct.yarn?.factors).toEqual([
    { factor: 2, extendedWindow: 65536, attentionScaling: expect.closeTo(1 + 0.1 * Math.log(2), 12) },
    { factor: 4, extendedWindow: 131072, attentionScaling: expect.closeTo(1 + 0.1 * Math.log(4), 12) },
  ]);
  expect(instruct.endTokens.map(({ id }) => id)).toEqual([151645, 151643]);
  expect(instruct.warnings).toEqual([]);
});

test("the cache is counted from layers and key/value heads", async () => {
  const { cache } = await inspectModel("Qwen/Qwen2-7B-Instruct");
  expect(cache.bytesPerToken).toEqual({
    f32: 2 * 28 * 4 * 128 * 4,
    f16: 2 * 28 * 4 * 128 * 2,
    q8: 28 * 4 * (2 * 128 + 12),
  });
  expect(cache.totals.map(({ tokens, window }) => [tokens, window])).toEqual([
    [8192, "native"],
    [32768, "native"],
    [131072, "extended"],
  ]);
  expect(cache.totals[2]?.f16).toBe(7 * 2 ** 30);
});

test("a folder: configuration, headers of the weights, tokenizer configuration", async () => {
  const inspection = await inspectModel(fileURLToPath(tiny));
  expect(inspection).toMatchObject({
    name: fileURLToPath(tiny),
    origin: "checkpoint",
    parameters: 919_680,
    weights: { parameters: 919_680, bytes: 2 * 919_680, files: 1, types: { BF16: 919_680 } },
    endTokens: [{ id: 1023, text: "<|endoftext|>" }],
    chatTemplate: "none",
    tokenizerMaxLength: 1024,
  });
  expect(inspection.context).toMatchObject({ nativeWindow: 256 });
  expect(inspection.cache.totals.map(({ window }) => window)).toEqual(["native", "extended", "none", "none", "none"]);
  // 1024 is what YaRN of factor 4 reaches: worth knowing, not a mistake.
  expect(inspection.warnings).toMatchObject([{ code: "model_max_length_exceeds_window", level: "note" }]);
  expect((await inspectModel(tiny)).name).toBe(tiny.href);
});

test("the result is plain data", async () => {
  const inspection = await inspectModel(tiny);
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
  expect(structuredClone(inspection)).toEqual(inspection);
});

test("factor and nativeWindow are looked at as asked", async () => {
  const inspection = await inspectModel("Qwen/Qwen2-7B-Instruct", { factor: 3, nativeWindow: 16384 });
  expect(inspection.context.nativeWindow).toBe(16384);
  expect(inspection.yarn?.factors.map(({ factor, extendedWindow }) => [factor, extendedWindow])).toEqual([
    [2, 32768],
    [3, 49152],
    [4, 65536],
  ]);
  expect(inspection.yarn).toMatchObject({
    steps: [1, 2, 3],
    option: { extend: "yarn", factor: 3, nativeWindow: 16384 },
  });
  await expect(inspectModel(tiny, { factor: Number.NaN })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(inspectModel(tiny, { nativeWindow: -1 })).rejects.toMatchObject({ code: "invalid_option" });
});

test("declared YaRN is dynamic; one that the model was trained with is static and stays", async () => {
  const declared = await inspectFiles({ "config.json": { ...config, rope_scaling: yarn } });
  expect(declared.context).toMatchObject({ method: "yarn", nativeWindow: 32768, extendedWindow: 131072 });
  expect(declared.yarn).toMatchObject({ declared: true, schedule: "dynamic" });
  expect(declared.encoding).toMatchObject({ method: "yarn", factor: 1, attentionScaling: 1 });

  const trained = await inspectFiles({
    "config.json": { ...config, rope_scaling: { ...yarn, attention_factor: 1.2 } },
  });
  expect(trained.context).toMatchObject({ method: "trained", schedule: "static" });
  expect(trained.encoding).toMatchObject({ factor: 4, attentionScaling: 1.2 });
  expect(trained.yarn).toMatchObject({ declared: true, schedule: "static" });
});

test("of YaRN that a model was trained with only its own factor is shown, whichever is asked for", async () => {
  const block = { type: "yarn", factor: 32, original_max_position_embeddings: 4096 };
  const llama = { ...config, model_type: "llama", max_position_embeddings: 131072, rope_scaling: block };
  for (const options of [{}, { factor: 32 }, { factor: 3 }]) {
    const { yarn: shown, context, cache } = await inspectFiles({ "config.json": llama }, options);
    expect(context).toMatchObject({ method: "trained", extendedWindow: 131072 });
    expect(shown).toMatchObject({
      schedule: "static",
      steps: [32],
      factors: [{ factor: 32, extendedWindow: 131072 }],
      option: { extend: "yarn", factor: 32 },
    });
    expect(cache.totals.at(-1)).toMatchObject({ tokens: 131072, window: "native" });
  }
});

test("a declared factor beyond what an option may be is shown as it is declared", async () => {
  const { yarn: shown } = await inspectFiles({ "config.json": { ...config, rope_scaling: { ...yarn, factor: 5000 } } });
  expect(shown?.factors.at(-1)).toMatchObject({ factor: 5000, extendedWindow: 163_840_000 });
});

test("YaRN cannot be put on another trained scaling", async () => {
  const linear = await inspectFiles({ "config.json": { ...config, rope_scaling: { type: "linear", factor: 2 } } });
  expect(linear).toMatchObject({ yarn: null, encoding: { method: "linear", factor: 2 } });
});

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    "yarn_without_original_window",
    { "config.json": { ...config, max_position_embeddings: 131072, rope_scaling: { type: "yarn", factor: 4 } } },
    /nativeWindow: 32768/,
  ],
  [
    "model_max_length_exceeds_window",
    { "config.json": config, "tokenizer_config.json": { model_max_length: 1_000_000 } },
    /"model_max_length": 32768/,
  ],
  [
    "model_max_length_below_window",
    { "config.json": config, "tokenizer_config.json": { model_max_length: 512 } },
    /"model_max_length": 32768/,
  ],
  [
    "end_tokens_disagree",
    { "config.json": config, "generation_config.json": { eos_token_id: 151643 } },
    /"eos_token_id": \[151643, 151645\]/,
  ],
  ["no_end_token", { "config.json": { ...config, eos_token_id: null } }, /eos_token_id in generation_config\.json/],
  [
    "tokenizer_end_token_differs",
    {
      "config.json": config,
      "tokenizer_config.json": { eos_token: { content: "<end>" }, added_tokens_decoder: { 7: { content: "<end>" } } },
    },
    /"eos_token_id": \[151645, 7\]/,
  ],
  [
    "generation_config_not_followed",
    { "config.json": config, "generation_config.json": { num_beams: 4, eos_token_id: 151645 } },
    /remove num_beams/,
  ],
  [
    "sliding_window_limits_context",
    { "config.json": { ...config, use_sliding_window: true, sliding_window: 65536, max_window_layers: 0 } },
    /set "use_sliding_window": false/,
  ],
])("%s is found, with its fix", async (code, contents, fix) => {
  const inspection = await inspectFiles(contents);
  expect(codesOf(inspection)).toEqual([code]);
  expect(inspection.warnings[0]?.fix).toMatch(fix);
});

test("no false alarm: more end tokens than config.json has, no limit of the tokenizer, its limit at the extended window", async () => {
  const { warnings } = await inspectFiles({
    "config.json": { ...config, rope_scaling: yarn },
    "generation_config.json": { eos_token_id: [151645, 151643] },
    "tokenizer_config.json": {
      model_max_length: 131072,
      eos_token: "<|im_end|>",
      added_tokens_decoder: { 151645: { content: "<|im_end|>" } },
    },
  });
  expect(warnings).toEqual([]);
  expect(
    (await inspectFiles({ "config.json": config, "tokenizer_config.json": { model_max_length: 1e30 } })).warnings,
  ).toEqual([]);
});

test("weights that do not fit the configuration are said, not thrown", async () => {
  const header = JSON.stringify({ stray: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
  const prefix = String.fromCharCode(header.length, 0, 0, 0, 0, 0, 0, 0);
  const found = await inspectFiles({ "config.json": config, "model.safetensors": `${prefix}${header}\0\0\0\0` });
  expect(found.warnings).toMatchObject([{ code: "weights_do_not_fit" }]);
  expect(found.warnings[0]?.message).toContain("stray");
});

test("weights that are never opened are said, with the reason; a configuration alone is enough", async () => {
  const found = await inspectFiles({ "config.json": config, "pytorch_model.bin": "PK\u0003\u0004 weights" });
  expect(found.weights).toBeNull();
  expect(found.warnings).toMatchObject([
    { code: "weights_are_not_read", level: "warning", message: expect.stringMatching(/pytorch_model\.bin.*pickle/) },
  ]);
  expect((await inspectFiles({ "config.json": config, "training_args.bin": "PK" })).warnings).toEqual([]);
});

test("an adapter in a model's place is called one", async () => {
  await expect(inspectFiles({ "adapter_config.json": {} })).rejects.toThrow(/no config\.json, but an adapter/);
});

test("where the chat template comes from", async () => {
  const tokens = { 1: { content: "<|im_start|>" }, 2: { content: "<|im_end|>" } };
  const originOf = async (tokenizer: unknown, more = {}) =>
    (await inspectFiles({ "config.json": config, "tokenizer_config.json": tokenizer, ...more })).chatTemplate;
  expect(await originOf({ chat_template: "{{ messages }}" })).toBe("own");
  expect(await originOf({}, { "chat_template.jinja": "{{ messages }}" })).toBe("own");
  expect(await originOf({ added_tokens_decoder: tokens })).toBe("qwen2");
  expect(await originOf({})).toBe("unknown");
});

test("what cannot be followed is an error that names the field, the file or the feature", async () => {
  await expect(inspectFiles({ "config.json": { ...config, hidden_size: "x" } })).rejects.toMatchObject({
    code: "invalid_config",
    field: "hidden_size",
  });
  await expect(
    inspectFiles({ "config.json": { ...config, rope_scaling: { type: "yarn", factor: 0.5 } } }),
  ).rejects.toMatchObject({
    code: "invalid_config",
    field: "rope_scaling.factor",
  });
  await expect(inspectFiles({ "config.json": { ...config, model_type: "qwen2_moe" } })).rejects.toMatchObject({
    code: "unsupported",
  });
  await expect(inspectFiles({ "config.json": "{" })).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await expect(inspectFiles({ "config.json": config, "tokenizer_config.json": [] })).rejects.toMatchObject({
    code: "invalid_config",
  });
  await expect(inspectFiles({ "other.json": "{}" })).rejects.toThrow(/no config\.json/);
});

test("a name that is neither a folder nor published: the error lists the published names", async () => {
  const error: unknown = await inspectModel("Qwen/Qwen9-7B").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "not_found" });
  expect(String(error)).toContain("Qwen/Qwen2-7B-Instruct");
  expect(String(error)).toContain("Qwen/Qwen9-7B");
  expect(String(error)).not.toContain("\n");
});

test.each(["./Qwen2-7B-Instruct", "../Qwen/Qwen2-7B", "/none/Qwen2-7B"])("a path is no name: %s", async (path) => {
  await expect(inspectModel(path)).rejects.toMatchObject({
    code: "not_found",
    message: `${path}: there is no such folder; give the folder of a checkpoint, or a GGUF file`,
  });
});

let folder: string;
const before = process.cwd();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-inspect-"));
});
afterAll(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

test("a folder wins over a published name", async () => {
  await mkdir(join(folder, "Qwen/Qwen2-7B"), { recursive: true });
  await writeFile(
    join(folder, "Qwen/Qwen2-7B/config.json"),
    JSON.stringify({ ...config, max_position_embeddings: 1000 }),
  );
  process.chdir(folder);
  expect(await inspectModel("Qwen/Qwen2-7B")).toMatchObject({ origin: "checkpoint", context: { nativeWindow: 1000 } });
  process.chdir(before);
});
