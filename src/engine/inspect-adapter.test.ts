import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { safetensorsBytes } from "../checkpoint/test-safetensors.ts";
import type { AdapterPlan } from "./adapter-inspection.ts";
import { inspectAdapter } from "./inspect-adapter.ts";
import { inspectModel } from "./inspect-model.ts";
import { loadModel } from "./load-model.ts";
import { qwen2Instruct } from "./test-configs.ts";

const base = {
  ...qwen2Instruct,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 160000,
};
const config = {
  peft_type: "LORA",
  base_model_name_or_path: "Qwen/Qwen2-7B-Instruct",
  r: 2,
  lora_alpha: 4,
  target_modules: ["q_proj", "down_proj"],
};

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Matrices of q_proj and down_proj in all layers of the base. */
function shapes(rank = 2): Shapes {
  const pair = (module: string, inputs: number) => ({
    [`base_model.model.model.layers.${module}.lora_A.weight`]: [rank, inputs],
    [`base_model.model.model.layers.${module}.lora_B.weight`]: [8, rank],
  });
  const q = [0, 1, 2].map((layer) => pair(`${layer}.self_attn.q_proj`, 8));
  const down = [0, 1, 2].map((layer) => pair(`${layer}.mlp.down_proj`, 12));
  return Object.assign({}, ...q, ...down);
}

function weights(all: Shapes, dtype = "BF16"): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const header = Object.fromEntries(
    Object.entries(all).map(([name, shape]) => {
      const start = offset;
      offset += (dtype === "BF16" ? 2 : 4) * shape.reduce((product, size) => product * size, 1);
      return [name, { dtype, shape, data_offsets: [start, offset] }];
    }),
  );
  return safetensorsBytes(header, offset);
}

/** An adapter's files; null leaves the matrices out. */
function filesWith(change: object, file: Uint8Array<ArrayBuffer> | null = weights(shapes()), more: object = {}) {
  const all = { "adapter_config.json": { ...config, ...change }, ...more };
  const texts = Object.entries(all).map(([name, content]) => [name, new Blob([JSON.stringify(content)])]);
  return { ...Object.fromEntries(texts), ...(file && { "adapter_model.safetensors": new Blob([file]) }) };
}

const codesOf = ({ warnings }: { readonly warnings: readonly { readonly code: string }[] }) =>
  warnings.map(({ code }) => code);

async function plan(adapter: object, more: object = {}, options: object = {}): Promise<AdapterPlan> {
  const model = { "config.json": new Blob([JSON.stringify({ ...base, ...more })]) };
  const { adapters } = await inspectModel(model, { adapters: { law: adapter as never }, ...options });
  return adapters[0]!;
}

test("what an adapter is: base, rule, modules by name, type and size, at which length it was tuned", async () => {
  const tuning = { window: 65536, factor: 2 };
  expect(await inspectAdapter(filesWith({}, undefined, { "skein.json": tuning }))).toEqual({
    source: "the given files",
    baseModel: "Qwen/Qwen2-7B-Instruct",
    type: "LORA",
    rule: { rank: 2, alpha: 4, isRankStabilised: false, scale: 2, targets: ["q_proj", "down_proj"] },
    modules: [
      { name: "self_attn.q_proj", layers: [0, 1, 2], ranks: [2], scales: [2] },
      { name: "mlp.down_proj", layers: [0, 1, 2], ranks: [2], scales: [2] },
    ],
    weights: { parameters: 3 * (32 + 40), bytes: 6 * (32 + 40), types: { BF16: 3 * (32 + 40) } },
    tuning,
    warnings: [],
  });
});

test("rsLoRA, ranks of their own, patterns, all-linear, and a base that is not named", async () => {
  const own = await inspectAdapter(
    filesWith({ r: 4, use_rslora: true, rank_pattern: { q_proj: 2, down_proj: 2 }, base_model_name_or_path: null }),
  );
  expect(own).toMatchObject({ baseModel: null, rule: { rank: 4, scale: 2, isRankStabilised: true }, warnings: [] });
  expect(own.modules[0]).toMatchObject({ ranks: [2], scales: [4 / Math.sqrt(2)] });
  const pattern = ".*\\.(q_proj|down_proj)";
  expect(await inspectAdapter(filesWith({ target_modules: pattern }))).toMatchObject({
    rule: { targets: pattern },
    warnings: [],
  });
  expect((await inspectAdapter(filesWith({ target_modules: "all-linear" }))).rule?.targets).toBe("all-linear");
});

test("everything that is refused is said at once, in the loader's words", async () => {
  const refused = filesWith({ use_dora: true, modules_to_save: ["lm_head"], bias: "all", task_type: "SEQ_CLS" });
  const { warnings, rule, weights: counted } = await inspectAdapter(refused);
  expect(warnings.map(({ values }) => values.field)).toEqual(["modules_to_save", "use_dora", "bias", "task_type"]);
  expect(warnings[0]).toMatchObject({
    code: "adapter_not_supported",
    level: "warning",
    message: expect.stringMatching(/^adapter_config\.modules_to_save "lm_head" is not supported: whole modules/),
    values: { value: '"lm_head"' },
  });
  expect(rule?.rank).toBe(2);
  expect(counted?.parameters).toBe(216);
  const other = await inspectAdapter(filesWith({ peft_type: "IA3", r: null, target_modules: null }));
  expect(other).toMatchObject({ type: "IA3", rule: null, modules: [], weights: null });
  expect(other.warnings[0]?.message).toContain('peft_type "IA3" is not supported: only LORA is');
  const behind = await inspectAdapter(filesWith({ target_modules: "(?<=x)q_proj" }));
  expect([behind.rule, codesOf(behind)]).toEqual([null, ["adapter_pattern_not_supported"]]);
});

const first = "base_model.model.model.layers.0.self_attn.q_proj";
const { [`${first}.lora_B.weight`]: _, ...withoutB } = shapes();

test.each<[string, ReturnType<typeof filesWith>, string, RegExp]>([
  ["no matrices", filesWith({}, null), "adapter_weights_are_not_read", /adapter_model\.safetensors" is not in/],
  [
    "a pickle",
    filesWith({}, null, { "adapter_model.bin": "x" }),
    "adapter_weights_are_not_read",
    /format that can run code/,
  ],
  ["a damaged file", filesWith({}, new Uint8Array(4)), "adapter_weights_are_not_read", /adapter_model\.safetensors/],
  ["another rank", filesWith({ r: 3 }), "adapter_weights_do_not_fit", /\[2, 8\] instead of \[3, 8\]/],
  [
    "half a pair",
    filesWith({}, weights(withoutB)),
    "adapter_weights_do_not_fit",
    /missing: .*0\.self_attn\.q_proj\.lora_B/,
  ],
  ["no target", filesWith({ target_modules: ["q_proj"] }), "adapter_weights_do_not_fit", /not expected: .*down_proj/],
  ["another type", filesWith({}, weights(shapes(), "I32")), "adapter_weights_do_not_fit", /not F32, F16 or BF16/],
  [
    "the embedding",
    filesWith({ target_modules: ["q_proj", "down_proj", "embed_tokens"] }),
    "adapter_not_supported",
    /adapters of the embedding/,
  ],
  [
    "DoRA's tensors",
    filesWith({}, weights({ ...shapes(), [`${first}.lora_magnitude_vector`]: [8] })),
    "adapter_not_supported",
    /belongs to DoRA/,
  ],
  [
    "a name that would steer a terminal",
    filesWith({}, weights({ ...shapes(), "base_model.model.\u001b[2J.q_proj.lora_A.weight": [2, 8] })),
    "adapter_weights_do_not_fit",
    /not expected: "base_model\.model\.\\u001b\[2J\.q_proj/,
  ],
])("%s is found without the base", async (_name, files, code, message) => {
  const { warnings } = await inspectAdapter(files);
  expect(warnings).toMatchObject([{ code, level: "warning", message: expect.stringMatching(message) }]);
  expect(warnings[0]?.fix).not.toBe("");
  // The loader refuses it too.
  expect(await plan(files)).toMatchObject({ fits: false, context: null, warnings: [{ code }] });
});

test("beside a model: its own windows, least and largest factor, and what YaRN adds", async () => {
  expect(await plan(filesWith({}))).toMatchObject({
    name: "law",
    fits: true,
    context: { nativeWindow: 32768, extendedWindow: 32768, minimumFactor: 1, maximumFactor: 1, method: "none" },
    contextWithYarn: { extendedWindow: 131072, maximumFactor: 4 },
    warnings: [],
  });
  const tuned = await plan({ source: filesWith({}), window: 48000, factor: 2 });
  expect(tuned.tuning).toEqual({ window: 48000, factor: 2 });
  expect(tuned.context).toMatchObject({ nativeWindow: 48000, minimumFactor: 2, method: "yarn", schedule: "static" });
  expect(tuned.contextWithYarn).toMatchObject({ minimumFactor: 2, maximumFactor: 4, extendedWindow: 131072 });
  const inFolder = filesWith({}, undefined, { "skein.json": { window: 8192 } });
  expect((await plan(inFolder)).context?.nativeWindow).toBe(8192);
  expect((await plan({ source: inFolder, window: 32768 })).context?.nativeWindow).toBe(32768);
  expect((await plan(filesWith({}), {}, { nativeWindow: 1000 })).context?.nativeWindow).toBe(1000);
});

test.each<[object, string, RegExp, RegExp]>([
  [{ window: 100000, factor: 2 }, "adapter_window_beyond_factor", /to 65536, less than the 100000/, /factor: 3\.052/],
  [{ window: 65536 }, "adapter_window_without_factor", /native window has 32768/, /"factor": 2 /],
  [{ window: 8192 }, "adapter_window_shorter", /8192 tokens, fewer than the 32768/, /32768/],
])("windows that the two do not agree about are warned of, with a fix: %o", async (tuning, code, message, fix) => {
  expect(await plan({ source: filesWith({}), ...tuning })).toMatchObject({
    fits: true,
    warnings: [{ code, message: expect.stringMatching(message), fix: expect.stringMatching(fix) }],
  });
});

test("a model that it does not fit, and one whose scaling takes no factor", async () => {
  const wide = await plan(filesWith({}), { hidden_size: 16, head_dim: 4 });
  expect(wide).toMatchObject({ fits: false, context: null, contextWithYarn: null });
  expect(wide.warnings).toMatchObject([
    { code: "adapter_does_not_fit_base", message: expect.stringContaining("[2, 8] instead of [2, 16]") },
  ]);
  // Layers that the file lacks are only known beside the base.
  expect(codesOf(await plan(filesWith({}), { num_hidden_layers: 4 }))).toEqual(["adapter_does_not_fit_base"]);
  const llama3 = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const scaled = await plan({ source: filesWith({}), factor: 2 }, { rope_scaling: llama3 });
  expect(scaled).toMatchObject({ fits: false, warnings: [{ code: "adapter_factor_not_possible" }] });
});

test("several, in their order; none by default; the result is plain data", async () => {
  const files = { "config.json": new Blob([JSON.stringify(base)]) };
  const adapters = { b: filesWith({}), a: { source: filesWith({}), window: 65536, factor: 2 } };
  const inspection = await inspectModel(files, { adapters });
  expect(inspection.adapters.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
  expect((await inspectModel(files)).adapters).toEqual([]);
  expect((await inspectModel("Qwen/Qwen2-7B-Instruct", { adapters: { x: filesWith({}) } })).adapters[0]).toMatchObject({
    fits: false,
    warnings: [{ code: "adapter_does_not_fit_base" }],
  });
});

test("what is no adapter, or cannot be followed, is an error that says where", async () => {
  await expect(inspectAdapter({ "config.json": new Blob(["{}"]) })).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("there is no adapter_config.json"),
  });
  await expect(inspectAdapter(filesWith({ r: "x" }))).rejects.toMatchObject({
    code: "invalid_config",
    field: "adapter_config.r",
    message: expect.stringContaining("(adapter_config.json in the given files)"),
  });
  await expect(plan(filesWith({ peft_type: undefined }))).rejects.toMatchObject({
    field: "adapters.law.adapter_config.peft_type",
  });
  await expect(inspectAdapter(filesWith({}, undefined, { "skein.json": { window: -1 } }))).rejects.toThrow(
    /^skein\.json: window: must be .*, not -1 \(skein\.json in the given files\)$/,
  );
  await expect(plan({ source: filesWith({}), factor: 0.5 })).rejects.toMatchObject({ option: "adapters.law.factor" });
  const files = { "config.json": new Blob([JSON.stringify(base)]) };
  await expect(inspectModel(files, { adapters: [] as never })).rejects.toMatchObject({ option: "adapters" });
  await expect(inspectAdapter(3 as never)).rejects.toMatchObject({ option: "source" });
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-adapter-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a path that is no adapter's folder: the advice is an adapter's", async () => {
  const advice = "give the folder of an adapter, with adapter_config.json and adapter_model.safetensors";
  await expect(inspectAdapter(join(folder, "none"))).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining(advice),
  });
  const file = join(folder, "adapter_config.json");
  await writeFile(file, JSON.stringify(config));
  await expect(inspectAdapter(file)).rejects.toThrow(
    "is a file; give the folder that holds adapter_config.json and adapter_model.safetensors",
  );
  await expect(inspectModel(folder)).rejects.toMatchObject({ code: "adapter_without_base" });
  await writeFile(join(folder, "config.json"), JSON.stringify(base)); // as many repositories of adapters have it
  await expect(inspectModel(folder)).rejects.toMatchObject({ code: "adapter_without_base" });
  await expect(loadModel(folder)).rejects.toMatchObject({ code: "adapter_without_base" });
  expect(codesOf(await inspectAdapter(folder))).toEqual(["adapter_weights_are_not_read"]);
});
