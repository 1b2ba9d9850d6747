import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { ModelInspection } from "../inspection.ts";
import { yarnOfFour as yarn } from "../test-configs.ts";
import { type ServingEngine, servingEngines } from "./settings.ts";
import { asGguf, inspectFolder, published, serve } from "./test-settings.ts";
import { writeSettings } from "./write-settings.ts";

/** What a shell makes of a command: the program's arguments, and the variables that are set for it. */
function argumentsOf(text: string): readonly string[] {
  const programs = ["vllm", "python", "llama-server", "llama-quantize", "hf", "ollama"];
  const stubs = programs.map(
    (name) => `${name}() { printf '%s\\0' "$0-call" ${name} "$@"; env | grep _LEN= || true; }`,
  );
  return execFileSync("bash", ["-c", [...stubs, text].join("\n")], { encoding: "utf8" }).split("\0");
}

const jsonOf = (args: readonly string[], flag: string): unknown => JSON.parse(args[args.indexOf(flag) + 1]!);

test("vLLM: the block under its new name with the base inside, and under its old one for earlier versions", async () => {
  const settings = writeSettings(await published(), { engine: "vllm", context: 131072 });
  expect(settings).toMatchObject({
    engine: "vllm",
    model: "Qwen/Qwen2-7B-Instruct",
    context: 131072,
    window: "extended",
  });
  expect(settings.steps.map(({ version, purpose }) => [version, purpose])).toEqual([
    ["vLLM 0.12 and newer", "serve"],
    ["vLLM before 0.12", "older"],
  ]);
  const args = argumentsOf(settings.steps[0]!.text);
  expect(args.slice(1, 6)).toEqual(["vllm", "serve", "Qwen/Qwen2-7B-Instruct", "--max-model-len", "131072"]);
  expect(jsonOf(args, "--hf-overrides")).toEqual({ rope_parameters: { ...yarn, rope_theta: 1e6 } });
  expect(jsonOf(argumentsOf(settings.steps[1]!.text), "--hf-overrides")).toEqual({ rope_scaling: yarn });
  expect(settings.steps[0]!.text).toContain('"factor": 4.0,'); // transformers wants no integer
});

test("SGLang: one block for both names, and the variable that turns off its check of the length", async () => {
  const { steps, notes } = writeSettings(await published(), { engine: "sglang", context: 131072 });
  expect(steps).toHaveLength(1);
  const args = argumentsOf(serve({ steps }));
  expect(args.slice(1, 8)).toEqual(
    "python -m sglang.launch_server --model-path Qwen/Qwen2-7B-Instruct --context-length 131072".split(" "),
  );
  expect(jsonOf(args, "--json-model-override-args")).toEqual({ rope_scaling: { ...yarn, rope_theta: 1e6 } });
  expect(args.at(-1)).toContain("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1");
  expect(notes.map(({ code }) => code)).toContain("length_check_is_off");
});

test("llama.cpp: flags for a GGUF file, and the length in its metadata, at which the server would end", async () => {
  const { steps } = writeSettings(asGguf(await published()), { engine: "llama.cpp", context: 131072 });
  expect(steps.map(({ purpose }) => purpose)).toEqual(["serve"]);
  expect(argumentsOf(serve({ steps })).slice(1, -1)).toEqual(
    (
      "llama-server -m ./qwen2-7b-instruct-q4_k_m.gguf -c 131072 -np 1 --rope-scaling yarn --rope-scale 4 " +
      "--yarn-orig-ctx 32768 --override-kv qwen2.context_length=int:131072"
    ).split(" "),
  );
});

test("llama.cpp and Ollama: a checkpoint is made a GGUF file first; a published one is downloaded before", async () => {
  const purposes = (inspection: ModelInspection, engine: ServingEngine) =>
    writeSettings(inspection, { engine, context: 65536 }).steps.map(({ purpose }) => purpose);
  expect(purposes(await published(), "llama.cpp")).toEqual(["download", "convert", "serve"]);
  expect(purposes(await inspectFolder({}), "llama.cpp")).toEqual(["convert", "serve"]);
  expect(purposes(await published(), "ollama")).toEqual(["download", "convert", "metadata", "serve"]);
});

test("what is on the Hub is downloaded into a folder of its name, and its branch goes with it", async () => {
  const hub = { repository: "Qwen/Qwen3-8B", revision: "v1", gguf: [] };
  const checkpoint = { ...(await inspectFolder({})), name: "Qwen/Qwen3-8B@v1", hub };
  const argumentsFor = (inspection: ModelInspection, engine: ServingEngine) =>
    writeSettings(inspection, { engine, context: 65536 }).steps.map(({ text }) =>
      argumentsOf(text).slice(1, -1).join(" "),
    );
  const [download, convert, server] = argumentsFor(checkpoint, "llama.cpp");
  expect(download).toBe("hf download Qwen/Qwen3-8B --revision v1 --local-dir Qwen3-8B");
  expect(convert).toContain("convert_hf_to_gguf.py Qwen3-8B --outfile qwen3-8b.gguf");
  expect(server).toContain("-m qwen3-8b.gguf ");
  expect(argumentsFor(checkpoint, "vllm")[0]).toContain("vllm serve Qwen/Qwen3-8B --revision v1 --max-model-len");
  expect(argumentsFor(checkpoint, "sglang")[0]).toContain("--model-path Qwen/Qwen3-8B --revision v1 --context");
  const program = serve(writeSettings(checkpoint, { engine: "transformers", context: 65536 }));
  expect(program).toContain('name = "Qwen/Qwen3-8B"\nrevision = "v1"\n');
  expect(program).toContain("AutoConfig.from_pretrained(name, revision=revision)");
  expect(program).toContain("    name, revision=revision, config=config,");

  const main = { ...checkpoint, name: "Qwen/Qwen3-8B@main", hub: { ...hub, revision: "main" } };
  for (const engine of servingEngines) {
    const { steps } = writeSettings(main, { engine, context: 65536 });
    expect(steps.map(({ text }) => text).join()).not.toMatch(/main|revision/);
  }
  const parts = ["q4/a-q4_k_m-00001-of-00002.gguf", "q4/a-q4_k_m-00002-of-00002.gguf"];
  const gguf = { ...main, format: "gguf" as const, name: "owner/A-GGUF:Q4_K_M" };
  const split = { ...gguf, hub: { repository: "owner/A-GGUF", revision: "main", gguf: parts } };
  const steps = argumentsFor(split, "llama.cpp");
  expect(steps).toHaveLength(2);
  expect(steps[0]).toBe(`hf download owner/A-GGUF ${parts.join(" ")} --local-dir A-GGUF`);
  expect(steps[1]).toContain(`llama-server -m A-GGUF/${parts[0]} -c 65536`);
  const copied = writeSettings(split, { engine: "ollama", context: 65536 }).steps[1]!.text;
  expect(argumentsOf(copied).join(" ")).toContain(`A-GGUF/${parts[0]} a-q4_k_m-65536.gguf COPY`);
});

test("Ollama: scaling and length are metadata, since a Modelfile has no parameter for them", async () => {
  const { steps, notes } = writeSettings(asGguf(await published()), { engine: "ollama", context: 131072 });
  const [metadata, create] = steps.map(({ text }) => text);
  expect(argumentsOf(metadata!).slice(1, -1)).toEqual([
    "llama-quantize",
    ...["context_length=int:131072", "rope.scaling.type=str:yarn", "rope.scaling.factor=float:4"].flatMap((value) => [
      "--override-kv",
      `qwen2.${value}`,
    ]),
    "--override-kv",
    "qwen2.rope.scaling.original_context_length=int:32768",
    "./qwen2-7b-instruct-q4_k_m.gguf",
    "qwen2-7b-instruct-q4_k_m-131072.gguf",
    "COPY",
  ]);
  expect(create).toBe(
    [
      "cat > Modelfile <<'END'",
      "FROM ./qwen2-7b-instruct-q4_k_m-131072.gguf",
      "PARAMETER num_ctx 131072",
      "END",
      "ollama create qwen2-7b-instruct-q4_k_m-131072 -f Modelfile",
      "ollama run qwen2-7b-instruct-q4_k_m-131072",
    ].join("\n"),
  );
  expect(notes.map(({ code }) => code)).toContain("no_scaling_parameter");
});

test("transformers: the configuration is changed before the model is made, by the names of each version", async () => {
  const { steps } = writeSettings(await published(), { engine: "transformers", context: 131072 });
  expect(steps.map(({ version, language }) => [version, language])).toEqual([
    ["transformers 5", "python"],
    ["transformers 4.57", "python"],
  ]);
  expect(steps[0]!.text).toBe(
    [
      "from transformers import AutoConfig, AutoModelForCausalLM",
      "",
      'name = "Qwen/Qwen2-7B-Instruct"',
      "config = AutoConfig.from_pretrained(name)",
      "config.rope_parameters = {",
      '    "rope_type": "yarn",',
      '    "factor": 4.0,',
      '    "original_max_position_embeddings": 32768,',
      '    "rope_theta": 1000000,',
      "}",
      "model = AutoModelForCausalLM.from_pretrained(",
      '    name, config=config, dtype="auto")',
    ].join("\n"),
  );
  expect(steps[1]!.text).toContain("config.rope_scaling = {");
});

test.each([...servingEngines])("%s: within the native window nothing is scaled, and that is said", async (engine) => {
  for (const inspection of [await published(), await published("Qwen/Qwen2-7B")]) {
    const { nativeWindow } = inspection.context;
    const settings = writeSettings(inspection, { engine });
    expect(settings).toMatchObject({ context: nativeWindow, window: "native", scaling: null });
    expect(settings.notes[0]).toMatchObject({ code: "no_scaling_needed" });
    expect(settings.steps.map(({ text }) => text).join()).not.toMatch(/yarn|rope|ALLOW|override/i);
    expect(serve(settings)).toContain(engine === "transformers" ? "from_pretrained" : String(nativeWindow));
  }
});

test.each([...servingEngines])(
  "%s: the factor is what the length needs, of the window that factors refer to",
  async (engine) => {
    const qwen3 = {
      model_type: "qwen3",
      head_dim: 128,
      max_position_embeddings: 40960,
      vocab_size: 151936,
      eos_token_id: 151645,
    };
    const factorAt = (inspection: ModelInspection, context: number) =>
      writeSettings(inspection, { engine, context }).scaling?.factor ?? 1;
    const qwen2 = await inspectFolder({});
    expect([32768, 32769, 65536, 100000, 131072].map((tokens) => factorAt(qwen2, tokens))).toEqual([
      1, 1.000031, 2, 3.051758, 4,
    ]);
    const third = await inspectFolder(qwen3);
    expect([40960, 40961, 65536, 131072].map((tokens) => factorAt(third, tokens))).toEqual([1, 1.250031, 2, 4]);
    for (const tokens of [32769, 40000, 99999, 131071]) {
      const { scaling } = writeSettings(qwen2, { engine, context: tokens });
      expect(scaling!.factor * scaling!.originalWindow).toBeGreaterThanOrEqual(tokens);
    }
  },
);

test.each([...servingEngines])("%s: beyond what the model reaches it is refused with the reason", async (engine) => {
  const error = (inspection: ModelInspection, context: number) => {
    try {
      writeSettings(inspection, { engine, context });
    } catch (reason) {
      return reason;
    }
    return undefined;
  };
  expect(error(await published(), 131073)).toMatchObject({
    code: "context_length_exceeded",
    tokensNeeded: 131073,
    tokensAvailable: 131072,
    nativeWindow: 32768,
    suggestion: undefined,
    message:
      "131073 tokens do not fit, 131072 do (native window 32768); no setting makes more of them useful; ask for a shorter context",
  });
  // The base model has no extension that it was meant to have.
  const base = error(await published("Qwen/Qwen2-7B"), 131073);
  expect(base).toMatchObject({ code: "context_length_exceeded", tokensAvailable: 131072, suggestion: undefined });
  expect(error(await inspectFolder({}, { factor: 2 }), 131072)).toMatchObject({
    suggestion: { extend: "yarn", factor: 4 },
    message: expect.stringMatching(/; for more, inspect it with factor: 4$/),
  });
  expect(error(await inspectFolder({ rope_scaling: { ...yarn, factor: 2 } }), 65537)).toMatchObject({
    tokensAvailable: 65536,
    message: expect.stringMatching(/; for more, its rope_scaling has to declare the factor 4$/),
  });
});

test("a block that the files have is used as it is where it fits, changed where it does not, and taken off where nothing needs it", async () => {
  const declared = await inspectFolder({ rope_scaling: yarn });
  const textAt = (engine: ServingEngine, context: number) => serve(writeSettings(declared, { engine, context }));
  expect(textAt("vllm", 131072)).not.toContain("hf-overrides");
  expect(textAt("sglang", 131072)).not.toContain("override-args");
  expect(textAt("llama.cpp", 131072)).not.toContain("--rope-scaling");
  expect(textAt("transformers", 131072)).not.toContain("config");

  // The old name would win over the new one, so both are given.
  const half = { ...yarn, factor: 2 };
  expect(jsonOf(argumentsOf(textAt("vllm", 65536)), "--hf-overrides")).toEqual({
    rope_scaling: half,
    rope_parameters: { ...half, rope_theta: 1e6 },
  });
  expect(textAt("llama.cpp", 65536)).toContain("--rope-scale 2 --yarn-orig-ctx 32768");

  const plain = { rope_type: "default", rope_theta: 1e6 };
  expect(jsonOf(argumentsOf(textAt("vllm", 8192)), "--hf-overrides")).toEqual({
    rope_scaling: null,
    rope_parameters: plain,
  });
  expect(jsonOf(argumentsOf(textAt("sglang", 8192)), "--json-model-override-args")).toEqual({ rope_scaling: plain });
  expect(textAt("llama.cpp", 8192)).toContain("--rope-scaling none");
  expect(textAt("transformers", 8192)).toContain('"rope_type": "default",');
  const ollama = writeSettings(declared, { engine: "ollama", context: 8192 });
  expect(ollama.steps.map(({ text }) => text).join()).toContain("qwen2.rope.scaling.type=str:none");
  expect(ollama.notes[0]).toMatchObject({ code: "declared_scaling_is_off" });
});

test("a block without its original window is given whole: engines refuse it, or refer it to another window", async () => {
  const vague = await inspectFolder({ rope_scaling: { type: "yarn", factor: 4 } });
  const { steps } = writeSettings(vague, { engine: "vllm", context: 131072 });
  expect(jsonOf(argumentsOf(steps[1]!.text), "--hf-overrides")).toEqual({ rope_scaling: yarn });
});

test("bounds of YaRN that the files have go with another factor", async () => {
  const declared = await inspectFolder({ rope_scaling: { ...yarn, beta_fast: 16, beta_slow: 2 } });
  const half = { ...yarn, factor: 2, beta_fast: 16, beta_slow: 2 };
  const { steps } = writeSettings(declared, { engine: "vllm", context: 65536 });
  expect(jsonOf(argumentsOf(steps[1]!.text), "--hf-overrides")).toEqual({ rope_scaling: half });
  const server = serve(writeSettings(declared, { engine: "llama.cpp", context: 65536 }));
  expect(server).toContain("--yarn-beta-fast 16 --yarn-beta-slow 2");
  const metadata = writeSettings(declared, { engine: "ollama", context: 65536 })
    .steps.map(({ text }) => text)
    .join();
  expect(metadata).toContain("--override-kv qwen2.rope.scaling.yarn_beta_fast=float:16");
});

test("vLLM looks at the tokenizer's length too: its check is turned off where that is less", async () => {
  const base = { max_position_embeddings: 131072, eos_token_id: 151643 };
  const limited = await inspectFolder(base, { tokenizer: { model_max_length: 32768 } });
  const settings = writeSettings(limited, { engine: "vllm", context: 131072 });
  expect(argumentsOf(serve(settings)).at(-1)).toContain("VLLM_ALLOW_LONG_MAX_MODEL_LEN=1");
  expect(settings.notes.find(({ code }) => code === "length_check_is_off")?.values).toMatchObject({ limit: 32768 });
  expect(serve(writeSettings(limited, { engine: "vllm", context: 32768 }))).not.toContain("ALLOW");
  expect(serve(writeSettings(await inspectFolder(base), { engine: "vllm", context: 131072 }))).not.toContain("ALLOW");
  // YaRN's own window comes before the tokenizer's.
  const tuned = await inspectFolder({}, { tokenizer: { model_max_length: 32768 } });
  expect(serve(writeSettings(tuned, { engine: "vllm", context: 131072 }))).not.toContain("ALLOW");
});

test("what a model was trained with stays as it is, and costs nothing that could be saved", async () => {
  const linear = await inspectFolder({ rope_scaling: { type: "linear", factor: 4 }, max_position_embeddings: 131072 });
  for (const engine of servingEngines) {
    const settings = writeSettings(linear, { engine, context: 131072 });
    expect(settings.scaling).toMatchObject({
      origin: "trained",
      method: "linear",
      isStatic: true,
      costBelowWindow: null,
    });
    expect(settings.steps.map(({ text }) => text).join()).not.toMatch(/rope/);
    expect(settings.notes[0]).toMatchObject({ code: "scaling_was_trained" });
  }
});

test("dynamic NTK: by length in transformers, fixed in vLLM, and not there in llama.cpp", async () => {
  const dynamic = await inspectFolder({ rope_scaling: { type: "dynamic", factor: 2 } });
  const at = (engine: ServingEngine, context = 65536) => writeSettings(dynamic, { engine, context });
  expect(at("transformers").scaling?.isStatic).toBe(false);
  expect(at("vllm").scaling?.isStatic).toBe(true);
  for (const engine of ["llama.cpp", "ollama"] as const) {
    expect(() => at(engine)).toThrow(/has no dynamic NTK scaling: past 32768 tokens it would run this model unscaled/);
    expect(() => at(engine, 32768)).not.toThrow();
  }
});

test("what static scaling costs below the window", async () => {
  const { scaling, notes } = writeSettings(await published(), { engine: "vllm", context: 65536 });
  const scoreFactor = (1 + 0.1 * Math.log(2)) ** 2;
  expect(scaling?.costBelowWindow).toEqual({ slowedPairs: 40, pairs: 64, scoreFactor });
  expect(notes[0]).toMatchObject({
    code: "scaling_is_static",
    values: { percent: 14.3, slowedPairs: 40, nativeWindow: 32768 },
  });
});

test.each(["./Qwen 2; rm -rf /", "it's", "$(touch x)", "`id`", 'a"b', "模型"])(
  "a name is one word to shells and Python: %s",
  async (name) => {
    const inspection = { ...(await inspectFolder({})), name };
    for (const engine of ["vllm", "sglang"] as const) {
      expect(argumentsOf(serve(writeSettings(inspection, { engine, context: 65536 })))).toContain(name);
    }
    const { steps } = writeSettings(inspection, { engine: "llama.cpp", context: 65536 });
    expect(argumentsOf(steps[0]!.text)).toContain(name);
    expect(serve(writeSettings(inspection, { engine: "transformers" }))).toContain(`name = ${JSON.stringify(name)}\n`);
  },
);

test("addresses: a file's path, and the name of a folder to download", async () => {
  const inspection = await inspectFolder({});
  const textOf = (name: string) => serve(writeSettings({ ...inspection, name }, { engine: "vllm" }));
  expect(textOf("file:///models/my%20model/")).toContain("vllm serve '/models/my model/'");
  expect(textOf("file:///models/a%1b%5B2J/")).toContain("vllm serve '/models/a%1b%5B2J/'");
  expect(textOf("https://models.example/100%25%zz")).toContain("vllm serve '100%25%zz'");
  const remote = writeSettings({ ...inspection, name: "https://models.example/qwen2-7b/" }, { engine: "vllm" });
  expect(serve(remote)).toContain("vllm serve qwen2-7b ");
  expect(remote.notes.map(({ code }) => code)).toContain("download_first");
});

test("a line break in a path does not end the Modelfile", async () => {
  const inspection = { ...asGguf(await published()), name: "./a\nEND\ntouch x\n/m.gguf" };
  expect(() => writeSettings(inspection, { engine: "ollama" })).toThrow(/cannot name a path with a line break/);
  // A copy has a name of its own.
  expect(serve(writeSettings(inspection, { engine: "ollama", context: 65536 }))).toMatch(
    /^FROM \.\/[\w.-]+-65536\.gguf$/m,
  );
});

test("engines of checkpoints say that they want no GGUF file", async () => {
  const gguf = asGguf(await published());
  for (const engine of ["vllm", "sglang", "transformers"] as const) {
    expect(writeSettings(gguf, { engine }).notes.map(({ code }) => code)).toContain("checkpoint_needed");
  }
});

test("the result is plain data; its texts stay within 80 columns; wrong options are refused", async () => {
  const inspection = await published();
  for (const engine of servingEngines) {
    const settings = writeSettings(inspection, { engine, context: 100000 });
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
    for (const { text } of settings.steps)
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  }
  expect(() => writeSettings(inspection, { engine: "exllama" as ServingEngine })).toThrow(
    /engine: must be one of vllm/,
  );
  for (const context of [0, 1.5, Number.NaN]) {
    expect(() => writeSettings(inspection, { engine: "vllm", context })).toThrow(/context: must be a number of tokens/);
  }
});
