import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import stringWidth from "string-width";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { safetensorsBytes } from "../checkpoint/test-safetensors.ts";
import type { InspectionWarning } from "../index.ts";
import { inspectAdapter, inspectModel } from "../index.ts";
import { createInspectCommand } from "./inspect.ts";
import { findingsInChinese } from "./inspect-chinese-findings.ts";
import { servingEngines } from "./inspect-serving-texts.ts";

const tiny = fileURLToPath(new URL("../../models/tiny-qwen2", import.meta.url));
const pair = ["Qwen/Qwen2-7B", "Qwen/Qwen2-7B-Instruct"];
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
const config = {
  model_type: "qwen2",
  hidden_size: 64,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  vocab_size: 100,
  rope_theta: 1e6,
  max_position_embeddings: 131072,
  eos_token_id: 3,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-inspect-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command and returns what it writes, which is plain because stdout is no terminal here. */
async function inspect(...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  vi.stubEnv("NO_COLOR", "1");
  vi.stubEnv("FORCE_COLOR", undefined);
  try {
    const command = createInspectCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    await new Command("skein").addCommand(command).parseAsync(["inspect", ...args], { from: "user" });
  } finally {
    spy.mockRestore();
    vi.unstubAllEnvs();
  }
  return written.join("");
}

/** Without the breaks between lines, which depend on the width only. */
const unwrapped = (text: string) => text.replaceAll(/\s+/g, " ");
const withoutSpaces = (text: string) => text.replaceAll(/\s+/g, "");

test("the published pair in English: window, scaling, end token, what works, what must be enabled and how", async () => {
  const text = unwrapped(await inspect(...pair));
  expect(text).toContain("native window 131072 32768");
  expect(text).toContain("must be enabled for more nothing YaRN ×4: 131072");
  expect(text).toContain("end tokens 151643 151645, 151643");
  expect(text).toContain("Qwen/Qwen2-7B: 131072 tokens with no setting, all of them native.");
  expect(text).toContain("Qwen/Qwen2-7B-Instruct: 32768 tokens with no setting; the 32769th is refused");
  expect(text).toContain("no extension is needed");
  expect(text).toContain("factor 4 reaches 131072 tokens (attention scaling 1.1386)");
  expect(text).toContain('`context: { extend: "yarn", factor: 4 }`');
  expect(text).toContain("`skein generate Qwen/Qwen2-7B-Instruct --yarn`");
  expect(text).toContain("an answer ends at 151645 <|im_end|> or 151643 <|endoftext|>.");
  expect(text).toContain("151645 closes a turn of a chat");
});

test("the published pair in Chinese says the same", async () => {
  const text = withoutSpaces(await inspect(...pair, "--lang", "zh"));
  expect(text).toContain("原生窗口13107232768");
  expect(text).toContain("更长则须启用无需启用YaRN×4:131072");
  expect(text).toContain("结束token151643151645,151643");
  expect(text).toContain("Qwen/Qwen2-7B：无需任何设置可用131072个token");
  expect(text).toContain(
    "Qwen/Qwen2-7B-Instruct：无需任何设置可用32768个token；第32769个token会以ContextLengthError拒绝",
  );
  expect(text).toContain("缩放因子4可达131072个token（注意力缩放1.1386）");
  expect(text).toContain("旋转位置编码（RoPE）");
  expect(text).toContain('`context:{extend:"yarn",factor:4}`');
  expect(text).toContain("`skeingenerateQwen/Qwen2-7B-Instruct--yarn`");
  expect(text).toContain("回答止于151645<|im_end|>或151643<|endoftext|>。");
});

test.each(["en", "zh"])("the order of the two does not matter for what is said: %s", async (language) => {
  const [base, instruct] = [pair[0]!, pair[1]!];
  const there = JSON.parse(await inspect(base, instruct, "--json", "--lang", language));
  const back = JSON.parse(await inspect(instruct, base, "--json", "--lang", language));
  const sentences = ({ meaning }: { meaning: string[] }) =>
    meaning.flatMap((text) => text.split(/(?<=。)|(?<=\.) /)).sort();
  expect(sentences(there)).toEqual(sentences(back));
});

test.each([
  ["Chinese characters, of which each takes two", "模", "型", 18],
  ["letters with accents, of which none stands alone", "e\u0301", "o\u0302", 37],
])("the names of two models are cut to the columns that they have: %s", async (_, a, b, count) => {
  const paths = [a, b].map((letter) => join(folder, letter.repeat(2 * count)));
  for (const [i, path] of paths.entries()) {
    await mkdir(path);
    await writeFile(join(path, "config.json"), JSON.stringify({ ...config, max_position_embeddings: 4096 * (i + 1) }));
  }
  // Two columns have no room: a line a model, half of it for the name.
  const names = new Set((await inspect(...paths)).match(/(?<=^ +)…\S+/gm));
  expect([...names]).toEqual([a, b].map((letter) => `…${letter.repeat(count)}`));
  for (const name of names) expect(stringWidth(name)).toBeLessThanOrEqual(38);
});

test("options and commands are never broken over lines", async () => {
  for (const language of ["en", "zh"]) {
    const lines = (await inspect(...pair, "--lang", language)).split("\n");
    expect(lines.some((line) => line.includes('`context: { extend: "yarn", factor: 4 }`'))).toBe(true);
    expect(lines.some((line) => line.includes("`skein generate Qwen/Qwen2-7B-Instruct --yarn`"))).toBe(true);
  }
});

test("JSON of one model is its inspection; of two, also differences and meaning", async () => {
  const one = JSON.parse(await inspect(pair[1]!, "--json"));
  expect(one).toEqual(await inspectModel(pair[1]!));

  const written = await inspect(...pair, "--json", "--lang", "zh");
  expect(written.trimEnd()).not.toContain("\n");
  const two = JSON.parse(written);
  expect(Object.keys(two)).toEqual(["a", "b", "differences", "meaning"]);
  expect(two.a.name).toBe(pair[0]);
  expect(two.b).toEqual(one);
  expect(two.differences).toContainEqual({ field: "context.nativeWindow", a: 131072, b: 32768 });
  expect(two.differences).toContainEqual({ field: "yarn.needed", a: false, b: true });
  expect(two.differences).toContainEqual({ field: "config.eos_token_id", a: 151643, b: 151645 });
  for (const { a, b } of two.differences) expect(a).not.toEqual(b);
  expect(two.meaning.join("")).toContain("第 32769 至 131072 个 token 须启用 YaRN");
});

test("a report on one model: windows, picture, how to enable, cache", async () => {
  const text = await inspect(pair[1]!);
  expect(text).toContain("32768 tokens");
  expect(text).toMatch(/▼ original window, 32768 tokens\n {2}▁{24}[▂-▇]{16}█{24}\n/);
  expect(text).toMatch(/kept +24 {2}6\.28 … 900/);
  expect(text).toContain('loadModel(…, { context: { extend: "yarn", factor: 4 } })');
  expect(text).toContain("skein generate Qwen/Qwen2-7B-Instruct --yarn");
  expect(text).toMatch(/131072 +3\.664 GiB +7 GiB +14 GiB/);
  expect(text).toContain("none found");
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).not.toContain("\u001b");
});

test.each<[string, object, boolean]>([
  ["no scaling", {}, false],
  ["yarn, which a short request does not get", { rope_scaling: yarn }, false],
  ["yarn that the model was trained with", { rope_scaling: { ...yarn, attention_factor: 1.1 } }, true],
  [
    "short factors of longrope",
    {
      rope_scaling: {
        ...{ rope_type: "longrope", factor: 4, original_max_position_embeddings: 32768 },
        ...{ short_factor: Array(32).fill(1.5), long_factor: Array(32).fill(4) },
      },
    },
    true,
  ],
])("wavelengths are said to be without the scaling, where one applies: %s", async (_, scaling, isScaled) => {
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...scaling }));
  expect((await inspect(folder)).includes("tokens a turn, without the scaling\n")).toBe(isScaled);
  expect((await inspect(folder, "--lang", "zh")).includes("个 token，未计缩放\n")).toBe(isScaled);
});

test("a model with a window that is long already: no extension is needed, and no command to enable one", async () => {
  const text = unwrapped(await inspect(pair[0]!));
  expect(text).toContain("No extension is needed");
  expect(text).not.toContain("--yarn");
});

test("a folder, with the factor and the native window asked for in the command that is suggested", async () => {
  expect(await inspect(tiny)).toContain("256 tokens work with no setting. The 257th is refused");
  expect(await inspect(tiny, "--lang", "zh")).toContain("启用 YaRN 后可达 1024 个 token");
  const text = await inspect(tiny, "--factor", "2", "--native-window", "128");
  expect(text).toContain('context: { extend: "yarn", factor: 2, nativeWindow: 128 }');
  expect(text).toContain("--yarn --factor 2 --native-window 128");
});

const planted: readonly [InspectionWarning["code"], Record<string, unknown>, string][] = [
  ["yarn_without_original_window", { rope_scaling: { type: "yarn", factor: 4 } }, "nativeWindow: 32768"],
  ["yarn_factor_does_not_fit", { max_position_embeddings: 65536, rope_scaling: yarn }, '"factor": 2'],
  ["attn_factor_is_not_read", { rope_scaling: { ...yarn, attn_factor: 1.1 } }, "attention_factor"],
  ["type_and_rope_type_disagree", { rope_scaling: { ...yarn, type: "linear" } }, "rope_type"],
  ["rope_blocks_disagree", { rope_scaling: yarn, rope_parameters: { rope_type: "default" } }, "rope_parameters"],
  ["no_end_token", { eos_token_id: null }, "eos_token_id"],
];
test.each(planted)("a planted mistake is told with its fix, in both languages: %s", async (code, fields, fix) => {
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...fields }));
  const { warnings } = JSON.parse(await inspect(folder, "--json"));
  expect(warnings).toMatchObject([{ code, fix: expect.stringContaining(fix), message: expect.any(String) }]);
  for (const language of ["en", "zh"]) {
    const text = await inspect(folder, "--lang", language);
    expect(text).toContain(fix);
    expect(text).toContain(language === "en" ? "fix: " : "修正：");
    expect(text).not.toMatch(/undefined|NaN|\[object/);
  }
});

test("every finding has a Chinese text that uses the numbers of the English one", async () => {
  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({
      ...config,
      max_position_embeddings: 65536,
      rope_scaling: yarn,
      original_max_position_embeddings: 16384,
    }),
  );
  await writeFile(join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: 5, num_beams: 2 }));
  await writeFile(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ model_max_length: 77, eos_token: "<e>", added_tokens_decoder: { 9: { content: "<e>" } } }),
  );
  const { warnings } = await inspectModel(folder);
  expect(warnings.length).toBeGreaterThanOrEqual(5);
  for (const warning of warnings) {
    const { message, fix } = findingsInChinese[warning.code](warning.values, warning);
    for (const number of `${warning.message} ${warning.fix}`.match(/\d+/g) ?? [])
      expect(message + fix).toContain(number);
    expect(message + fix).toMatch(/[\u4e00-\u9fff]/);
  }
});

test.each<[string, Record<string, object>, readonly string[]]>([
  [
    "yarn_was_not_meant static_scaling_for_short_work",
    {
      "config.json": { vocab_size: 152000, eos_token_id: 151643, rope_scaling: yarn },
      "tokenizer_config.json": { model_max_length: 32768 },
    },
    [],
  ],
  ["scaling_is_not_read", { "config.json": { text_config: { rope_scaling: yarn } } }, []],
  [
    "rope_parameters_is_new",
    {
      "config.json": {
        max_position_embeddings: 32768,
        rope_theta: null,
        rope_parameters: { ...yarn, rope_theta: 1e6 },
      },
    },
    [],
  ],
  [
    "static_scaling_for_short_work",
    { "config.json": { max_position_embeddings: 32768, rope_scaling: yarn } },
    ["--context", "777"],
  ],
  [
    "chat_template_end_token_missing",
    {
      "config.json": {},
      "tokenizer_config.json": { chat_template: "<|im_end|>", added_tokens_decoder: { 42: { content: "<|im_end|>" } } },
    },
    [],
  ],
])("a Chinese text of the same numbers, in 80 columns: %s", async (codes, contents, flags) => {
  const own = await mkdtemp(join(folder, "finding-"));
  for (const [name, content] of Object.entries(contents)) {
    await writeFile(join(own, name), JSON.stringify(name === "config.json" ? { ...config, ...content } : content));
  }
  const { warnings } = JSON.parse(await inspect(own, "--json", ...flags));
  expect(warnings.map(({ code }: InspectionWarning) => code).join(" ")).toBe(codes);
  for (const language of ["en", "zh"]) {
    const report = await inspect(own, "--lang", language, ...flags);
    for (const { message, fix } of warnings) {
      for (const number of `${message} ${fix}`.match(/\d+/g) ?? []) expect(report).toContain(number);
    }
    for (const line of report.slice(report.indexOf("\n")).split("\n"))
      expect(stringWidth(line)).toBeLessThanOrEqual(80);
    expect(report).not.toMatch(/undefined|NaN|\[object/);
  }
});

test("text from a file cannot steer the terminal", async () => {
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "generation_config.json"), "{}");
  await writeFile(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ added_tokens_decoder: { 3: { content: "\u001b[2J\nx" } } }),
  );
  expect(await inspect(folder)).toContain("3 \ufffd[2J\ufffdx");
});

test("errors say whose configuration it is; wrong use is refused by the command", async () => {
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, hidden_size: -1 }));
  await expect(inspect(tiny, folder)).rejects.toMatchObject({
    code: "invalid_config",
    message: expect.stringMatching(/^hidden_size: .*\(config\.json in .*skein-inspect-\w+\)$/),
  });
  await expect(inspect("no/such")).rejects.toThrow(/no\/such.*Qwen\/Qwen2-7B-Instruct/);
  await expect(inspect(tiny, "--factor", "0.5")).rejects.toMatchObject({ code: "commander.invalidArgument" });
  await expect(inspect(tiny, "--lang", "fr")).rejects.toMatchObject({ code: "commander.invalidArgument" });
  await expect(inspect()).rejects.toMatchObject({ code: "commander.missingArgument" });
});

test.each(servingEngines)(
  "--for %s: settings in both languages, in 80 columns but for names, with commands at the beginning of a line",
  async (engine) => {
    for (const language of ["en", "zh"]) {
      const text = await inspect(pair[1]!, "--for", engine, "--context", "131072", "--lang", language);
      expect(text).toContain(engine === "transformers" ? "\nconfig.rope_parameters = {\n" : " \\\n  ");
      expect(text).toContain("7 GiB");
      expect(text).toContain("29.6 %");
      expect(text).not.toMatch(/undefined|NaN|\[object/);
      expect(text).not.toContain("\u001b");
      for (const line of text.split("\n")) expect(stringWidth(line), line).toBeLessThanOrEqual(80);
    }
  },
);

test("--for: data with notes in the language of the report, and the mistakes that would make the settings wrong", async () => {
  const settings = JSON.parse(await inspect(pair[1]!, "--for", "vllm", "--context", "65536", "--json", "--lang", "zh"));
  expect(settings).toMatchObject({ engine: "vllm", context: 65536, scaling: { factor: 2 }, warnings: [] });
  expect(settings.notes[0]).toMatchObject({ code: "scaling_is_static", message: expect.stringContaining("静态") });

  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({ ...config, rope_scaling: { type: "yarn", factor: 4 } }),
  );
  await rm(join(folder, "generation_config.json"), { force: true });
  await rm(join(folder, "tokenizer_config.json"), { force: true });
  expect(await inspect(folder, "--for", "vllm")).toContain("! the yarn block has no original_max_position_embeddings");
  const { warnings } = JSON.parse(await inspect(folder, "--for", "vllm", "--json"));
  expect(warnings).toMatchObject([{ code: "yarn_without_original_window" }]);
});

test("--for: a command names the folder as it is called, with what joins its letters", async () => {
  const named = join(folder, "模型👩‍👧\u00ad");
  await mkdir(named, { recursive: true });
  await writeFile(join(named, "config.json"), JSON.stringify(config));
  expect(await inspect(named, "--for", "vllm")).toContain(`vllm serve '${named}'`);
});

test("--for: what does not fit is refused with the reason, and so is wrong use", async () => {
  await expect(inspect(pair[1]!, "--for", "vllm", "--context", "131073")).rejects.toMatchObject({
    code: "context_length_exceeded",
    message:
      "Qwen/Qwen2-7B-Instruct: 131073 tokens do not fit, 131072 do (native window 32768); no setting makes more of them useful; ask for a shorter --context",
  });
  const tooSmall = ["--for", "vllm", "--context", "131072", "--factor", "2"];
  await expect(inspect(pair[1]!, ...tooSmall)).rejects.toThrow(/65536 do .*look at it with --factor 4$/);
  // The flag does not change what is declared.
  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({ ...config, max_position_embeddings: 32768, rope_scaling: { ...yarn, factor: 2 } }),
  );
  await expect(inspect(folder, "--for", "vllm", "--context", "65537", "--factor", "4")).rejects.toThrow(
    /: 65537 tokens do not fit, 65536 do .*; for more, its rope_scaling has to declare the factor 4$/,
  );
  await expect(inspect(...pair, "--for", "vllm")).rejects.toThrow(/one model/);
  await expect(inspect(tiny, "--for", "exllama")).rejects.toMatchObject({ code: "commander.invalidArgument" });
  await expect(inspect(tiny, "--context", "many")).rejects.toMatchObject({ code: "commander.invalidArgument" });
});

/** The folder of an adapter of the embedded model, and its matrices. */
async function adapterFolder(name: string, change: object = {}, more: Record<string, string> = {}): Promise<string> {
  const own = await mkdtemp(join(folder, "adapters-"));
  const header: Record<string, object> = {};
  let offset = 0;
  for (const layer of [0, 1, 2, 3])
    for (const [matrix, shape] of [
      ["A", [8, 128]],
      ["B", [128, 8]],
    ] as const) {
      const key = `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_${matrix}.weight`;
      header[key] = { dtype: "BF16", shape, data_offsets: [offset, offset + 2048] };
      offset += 2048;
    }
  const adapter = {
    ...{ peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj"] },
    ...{ base_model_name_or_path: "some/base", ...change },
  };
  const path = join(own, name);
  await mkdir(path);
  await writeFile(join(path, "adapter_config.json"), JSON.stringify(adapter));
  await writeFile(join(path, "adapter_model.safetensors"), safetensorsBytes(header, offset));
  for (const [file, text] of Object.entries(more)) await writeFile(join(path, file), text);
  return path;
}

test("an adapter by itself: what it is, what only its base tells, and the command that shows it", async () => {
  const path = await adapterFolder("law", {}, { "skein.json": '{"window": 512, "factor": 2}' });
  const text = unwrapped(await inspect(path));
  expect(text).toContain("tuned on some/base, as its configuration says");
  expect(text).toContain("rank 8 scale 2: alpha 16 / 8 targets modules that end with q_proj");
  expect(text).toContain("modules 4: q_proj in layers 0 … 3");
  expect(text).toContain("matrices BF16, 16 KiB, 8.2 K parameters");
  expect(text).toContain("tuned at 512 tokens, factor 2 of YaRN");
  expect(text).toContain("depend on the model that it is put beside, which was not given.");
  expect(text).toContain(`skein inspect some/base --adapter law=${path}`);
  expect(text).toContain("none found");
  const inChinese = withoutSpaces(await inspect(path, "--lang", "zh"));
  expect(inChinese).toContain("微调自some/base（据其配置）");
  expect(inChinese).toContain("秩8缩放系数2：alpha16/8目标名称以下列结尾的模块：q_proj");
  expect(inChinese).toContain("4个：第0…3层的q_proj");
  expect(inChinese).toContain("512个token，YaRN缩放因子2");
  expect(JSON.parse(await inspect(path, "--json"))).toEqual(await inspectAdapter(path));
  const nameless = await adapterFolder("a, b", { base_model_name_or_path: "$(reboot)" });
  expect(await inspect(nameless)).toContain(`skein inspect MODEL --adapter 'NAME=${nameless}'`);
});

test("adapters beside a model: the windows and factors of each, in both languages", async () => {
  const law = await adapterFolder("law");
  const flags = ["--adapter", `law=${law},window=512,factor=2`, "--adapter", `plain=${law}`];
  const text = unwrapped(await inspect(tiny, ...flags));
  expect(text).toContain("native window 256 tokens");
  const [, first, second] = text.split(/Adapter (?=law|plain)/);
  expect(first).toMatch(
    /fits this model yes, all 4 modules native window 512 tokens, its own extended window none; up to 1024 tokens, once YaRN is enabled factor 2, at every length; 2 … 4, once YaRN is enabled method yarn, static/,
  );
  expect(second).toContain("native window 256 tokens, the model's");
  expect(second).toContain("factor 1; 1 … 4, once YaRN is enabled method plain positions, no scaling");
  const inChinese = withoutSpaces(await inspect(tiny, ...flags, "--lang", "zh"));
  expect(inChinese).toContain("与该模型匹配是，全部4个模块原生窗口512个token，适配器自己的窗口");
  expect(inChinese).toContain("缩放因子2，任何长度都是如此；启用YaRN后为2…4方法yarn，静态");
  const { adapters } = JSON.parse(await inspect(tiny, ...flags, "--json"));
  expect(adapters).toMatchObject([
    { name: "law", fits: true, context: { nativeWindow: 512, minimumFactor: 2 } },
    { name: "plain", fits: true, context: { nativeWindow: 256, minimumFactor: 1 } },
  ]);
});

test.each<[string, object, string, string, string]>([
  ["adapter_not_supported", { use_dora: true }, "", "DoRA", "DoRA 还会缩放基础模型的权重"],
  ["adapter_pattern_not_supported", { target_modules: "(?<!x)q_proj" }, "", "(?<!", "无法识别的模式"],
  ["adapter_weights_do_not_fit", { r: 4 }, "", "instead of [4, 128]", "矩阵与 adapter_config.json 不符"],
  ["adapter_does_not_fit_base", { target_modules: ["q_proj", "k_proj"] }, "", "k_proj.lora_A", "与该模型不匹配"],
  ["adapter_window_beyond_factor", {}, ",window=600,factor=2", "or in --adapter: factor=2.344", "或 --adapter 中改正"],
  [
    "adapter_window_without_factor",
    {},
    ",window=768",
    "or add ,factor=3 to --adapter",
    "或给 --adapter 加上 ,factor=3",
  ],
  ["adapter_window_shorter", {}, ",window=100", "skein.json or --adapter, so that", "skein.json 或 --adapter 中删除"],
])(
  "what is wrong with an adapter is told with its fix, in both languages: %s %o",
  async (code, change, tuning, english, chinese) => {
    const path = await adapterFolder("x", change);
    const flags = [tiny, "--adapter", `x=${path}${tuning}`];
    const { adapters } = JSON.parse(await inspect(...flags, "--json"));
    expect(adapters).toMatchObject([{ warnings: [{ code, fix: expect.stringMatching(/./) }] }]);
    const isRefused = !code.startsWith("adapter_window");
    expect(adapters[0].fits).toBe(!isRefused);
    const [inEnglish, inChinese] = [await inspect(...flags), await inspect(...flags, "--lang", "zh")];
    expect(unwrapped(inEnglish)).toContain(english);
    expect(withoutSpaces(inChinese)).toContain(withoutSpaces(chinese));
    if (!isRefused)
      for (const number of adapters[0].warnings[0].fix.match(/[\d.]*\d/g)) expect(inChinese).toContain(number);
    for (const text of [inEnglish, inChinese]) {
      expect(text).toContain(isRefused ? (text === inEnglish ? "no, it cannot be loaded" : "否，无法加载") : "4");
      expect(text).not.toMatch(/undefined|NaN|\[object/);
    }
  },
);

test.each([40, 50, 60, 100])(
  "everything fits %i columns, but for what is to be copied in one piece",
  async (columns) => {
    const adapter = await adapterFolder(`narrow-${columns}`);
    process.stdout.columns = columns;
    try {
      for (const args of [[pair[1]!], [tiny], pair, [adapter], [tiny, "--adapter", `own=${adapter}`]])
        for (const language of ["en", "zh"]) {
          const lines = (await inspect(...args, "--lang", language)).split("\n");
          const copied = /loadModel\(|skein |`|\/skein-inspect-|\/models\/tiny-qwen2/; // commands and paths
          const wide = lines.filter((line) => stringWidth(line) > columns && !copied.test(line));
          expect(wide, `${args.join(" ")} ${language}`).toEqual([]);
        }
    } finally {
      Reflect.deleteProperty(process.stdout, "columns");
    }
  },
);

test("adapters: text from their files cannot steer the terminal; wrong use is refused", async () => {
  const path = await adapterFolder("x", {
    base_model_name_or_path: "\u001b[2J",
    target_modules: ["q_proj", "\u001b[2J"],
    use_dora: "\u001b[2J",
  });
  for (const language of ["en", "zh"]) expect(await inspect(path, "--lang", language)).not.toContain("\u001b");
  const pair = ["--adapter", `x=${path}`];
  await expect(inspect(tiny, tiny, ...pair)).rejects.toThrow("--adapter goes with one model");
  await expect(inspect(tiny, ...pair, "--for", "vllm")).rejects.toThrow("and not with --for");
  await expect(inspect(tiny, ...pair, ...pair)).rejects.toThrow('two adapters of the name "x"');
  await expect(inspect(path, "--factor", "2")).rejects.toMatchObject({ code: "adapter_without_base" });
  await expect(inspect(tiny, path)).rejects.toMatchObject({ code: "adapter_without_base" });
  await expect(inspect(tiny, "--adapter", `x=${tiny}`)).rejects.toThrow(/^[^:]*tiny-qwen2: there is no adapter_config/);
});
