import fc from "fast-check";
import { expect, test } from "vitest";
import { openBlobs } from "../../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { isRefusedBy } from "../../checkpoint/test-hostile.ts";
import { filesOf, safetensorsBytes } from "../../checkpoint/test-safetensors.ts";
import { parseModelConfig } from "../config.ts";
import { openAdapter, readMatrix } from "./open-adapter.ts";

const base = parseModelConfig({
  model_type: "qwen2",
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 16,
  tie_word_embeddings: true,
});
const config = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj", "down_proj"] };

type Shapes = Record<string, readonly number[]>;

function shapes(): Shapes {
  const all: Shapes = {};
  for (const layer of [0, 1]) {
    const at = (module: string, matrix: "A" | "B") =>
      `base_model.model.model.layers.${layer}.${module}.lora_${matrix}.weight`;
    Object.assign(all, { [at("self_attn.q_proj", "A")]: [2, 8], [at("self_attn.q_proj", "B")]: [8, 2] });
    Object.assign(all, { [at("mlp.down_proj", "A")]: [2, 12], [at("mlp.down_proj", "B")]: [8, 2] });
  }
  return all;
}

function weights(all: Shapes, dtype = "F32"): Uint8Array<ArrayBuffer> {
  const bytes = dtype === "F32" || dtype === "I32" ? 4 : 2;
  let offset = 0;
  const header = Object.fromEntries(
    Object.entries(all).map(([name, shape]) => {
      const start = offset;
      offset += bytes * shape.reduce((product, size) => product * size, 1);
      return [name, { dtype, shape, data_offsets: [start, offset] }];
    }),
  );
  return safetensorsBytes(header, offset);
}

const filesWith = (
  change: object,
  file: Uint8Array | undefined = weights(shapes()),
  more: object = {},
): CheckpointFiles =>
  filesOf({
    "adapter_config.json": { ...config, ...change },
    ...(file && { "adapter_model.safetensors": file }),
    ...more,
  });

const first = "base_model.model.model.layers.0.self_attn.q_proj";

test("the modules that an adapter changes, with their shapes and scales", async () => {
  const { modules, tuning } = await openAdapter(filesWith({}), base);
  expect([...modules.keys()]).toEqual(
    [0, 1].flatMap((i) => [`model.layers.${i}.self_attn.q_proj`, `model.layers.${i}.mlp.down_proj`]),
  );
  expect(modules.get("model.layers.1.mlp.down_proj")).toMatchObject({ rank: 2, scale: 2, inputs: 12, outputs: 8 });
  expect(tuning).toEqual({});
});

test("F16 and BF16 are read too, and the length that a folder names", async () => {
  for (const dtype of ["F16", "BF16"]) {
    const files = filesWith({}, weights(shapes(), dtype), { "skein.json": { window: 65536, factor: 2 } });
    const adapter = await openAdapter(files, base);
    expect(adapter.tuning).toEqual({ window: 65536, factor: 2 });
    expect(await adapter.tensors.readFloat32(`${first}.lora_B.weight`)).toHaveLength(16);
  }
});

const { [`${first}.lora_B.weight`]: _, ...withoutB } = shapes();

test.each<[string, CheckpointFiles, RegExp]>([
  ["no configuration", filesOf({ "config.json": {} }), /there is no adapter_config\.json/],
  ["no matrices", filesOf({ "adapter_config.json": config }), /"adapter_model\.safetensors" is not in/],
  [
    "pickled matrices",
    filesOf({ "adapter_config.json": config, "adapter_model.bin": "x" }),
    /adapter_model\.bin, a format that can run code/,
  ],
  ["one of two missing", filesWith({}, weights(withoutB)), /missing: .*layers\.0\.self_attn\.q_proj\.lora_B\.weight/],
  ["a module that nobody targets", filesWith({ target_modules: ["q_proj"] }), /not expected: .*mlp\.down_proj\.lora_A/],
  [
    "a targeted module without matrices",
    filesWith({ target_modules: ["q_proj", "down_proj", "up_proj"] }),
    /missing: .*mlp\.up_proj\.lora_A/,
  ],
  ["another rank", filesWith({ r: 3 }), /of the wrong shape: .*lora_A\.weight \(\[2, 8\] instead of \[3, 8\]\)/],
  [
    "another base",
    filesWith({}, weights({ ...shapes(), [`${first}.lora_A.weight`]: [2, 9] })),
    /\[2, 9\] instead of \[2, 8\]/,
  ],
  ["another type", filesWith({}, weights(shapes(), "I32")), /not F32, F16 or BF16/],
  [
    "nothing that this base has",
    filesWith({ target_modules: ["c_attn"] }),
    /target_modules: names no module that this base has/,
  ],
  [
    "DoRA's tensors",
    filesWith({}, weights({ ...shapes(), [`${first}.lora_magnitude_vector`]: [8] })),
    /lora_magnitude_vector" belongs to DoRA/,
  ],
  ["the embedding", filesWith({ target_modules: ["q_proj", "embed_tokens"] }), /adapters of the embedding/],
  [
    "the embedding's tensors",
    filesWith({}, weights({ ...shapes(), "base_model.model.model.embed_tokens.lora_embedding_A": [2, 16] })),
    /lora_embedding_A" belongs to an adapter of the embedding/,
  ],
  [
    "a whole module",
    filesWith({}, weights({ ...shapes(), "base_model.model.lm_head.modules_to_save.weight": [16, 8] })),
    /modules_to_save\.weight" belongs to a whole module/,
  ],
])("%s is refused: %#", async (_, files, message) => {
  await expect(openAdapter(files, base)).rejects.toThrow(message);
});

test("the output matrix may have matrices of its own where it is the embedding", async () => {
  const own = { "base_model.model.lm_head.lora_A.weight": [2, 8], "base_model.model.lm_head.lora_B.weight": [16, 2] };
  const { modules } = await openAdapter(filesWith({ target_modules: ["lm_head"] }, weights(own)), base);
  expect([...modules.keys()]).toEqual(["lm_head"]);
});

test("numbers that are not finite are refused by the tensor's name", async () => {
  const file = weights(shapes());
  new DataView(file.buffer).setFloat32(file.length - 4, Number.NaN, true);
  const { tensors } = await openAdapter(filesWith({}, file), base);
  await expect(readMatrix(tensors, "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight")).rejects.toThrow(
    /^base_model\.model\.model\.layers\.1\.mlp\.down_proj\.lora_B\.weight: a number is not finite/,
  );
});

test("files that were changed anywhere end in an error of Skein's, or are read within their size", async () => {
  const originals = {
    "adapter_config.json": new TextEncoder().encode(
      JSON.stringify({ ...config, rank_pattern: { "(x|y).*": 4 }, alpha_pattern: {} }),
    ),
    "adapter_model.safetensors": weights(shapes()),
    "skein.json": new TextEncoder().encode('{"window": 512, "factor": 2}'),
  };
  const change = fc.record({
    file: fc.constantFrom(...(Object.keys(originals) as (keyof typeof originals)[])),
    position: fc.nat({ max: 1400 }),
    remove: fc.nat({ max: 8 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.constantFrom(...'{}[]",:019.-e*+?()|\\ntf').map((text) => [text.charCodeAt(0)]),
    ),
  });
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes: Record<string, number[]> = Object.fromEntries(
        Object.entries(originals).map(([name, all]) => [name, [...all]]),
      );
      for (const { file, position, remove, insert } of changes)
        bytes[file]!.splice(position % (originals[file].length + 1), remove, ...insert);
      const largest = Math.max(...Object.values(bytes).map(({ length }) => length));
      const inner = openBlobs(
        Object.fromEntries(Object.entries(bytes).map(([name, all]) => [name, new Blob([Uint8Array.from(all)])])),
      );
      const files: CheckpointFiles = {
        ...inner,
        read: (name, start, end) => {
          if (!(end - start <= largest)) throw new Error(`${end - start} bytes were asked for`);
          return inner.read(name, start, end);
        },
      };
      const isRefused = await isRefusedBy(async () => {
        const { modules, tensors } = await openAdapter(files, base);
        for (const { down, up } of modules.values()) for (const name of [down, up]) await readMatrix(tensors, name);
      });
      if (isRefused) refused++;
    }),
    { numRuns: 3000 },
  );
  expect(refused).toBeGreaterThan(1000);
});
