import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBlobs } from "../src/checkpoint/blobs.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { loadModel, type ModelFiles, quantizeModel, type Warning } from "../src/index.ts";
import { expectedTensors, parseModelConfig } from "../src/model/config.ts";
import { readFiles } from "./adapter-models.ts";
import { writeSafetensors } from "./quantised-models.ts";
import { tiny } from "./tiny.ts";

type Change = (value: number, i: number, data: Float32Array) => number;

/** The embedded model, whose embeddings are tied, with an output matrix beside them. */
async function withOutput(change: Change, shape?: readonly number[], fields = {}): Promise<ModelFiles> {
  const files = await readFiles(tiny);
  const json = JSON.parse(await files["config.json"]!.text());
  const index = await openTensors(openBlobs(files));
  const tensors = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>();
  for (const [name, own] of expectedTensors(parseModelConfig(json)))
    tensors.set(name, { shape: own, data: await index.readFloat32(name) });
  const embedding = tensors.get("model.embed_tokens.weight")!;
  const data = embedding.data.map(change).slice(
    0,
    shape?.reduce((product, size) => product * size),
  );
  tensors.set("lm_head.weight", { shape: shape ?? embedding.shape, data });
  return {
    ...files,
    "tokenizer.json": new Blob([await readFile(join(tiny, "tokenizer.json"))]),
    "config.json": new Blob([JSON.stringify({ ...json, ...fields })]),
    "model.safetensors": new Blob(writeSafetensors(tensors)),
  };
}

const code = "output_matrix_not_used";
const same: Change = (value) => value;

test.each<[string, readonly string[], Parameters<typeof withOutput>]>([
  ["a copy of the embedding", [], [same]],
  ["another matrix", [code], [(value) => value * 1.01]],
  ["one whose last row alone is another", [code], [(value, i, { length }) => (i === length - 1 ? value + 1 : value)]],
  ["half of it", [code], [same, [512, 128]]],
  ["one that is used", [], [(value) => value * 1.01, undefined, { tie_word_embeddings: false }]],
])("beside tied embeddings, an output matrix that is %s", async (_, codes, given) => {
  const files = await withOutput(...given);
  const warnings: string[] = [];
  const onWarning = (warning: Warning): void => void warnings.push(warning.code);
  await using model = await loadModel(files, { onWarning });
  expect(warnings).toEqual(codes);
  expect(model.warnings.map((warning) => warning.code)).toEqual(codes);
  const folder = await mkdtemp(join(tmpdir(), "skein-tied-"));
  try {
    warnings.length = 0;
    await quantizeModel(files, join(folder, "tied.gguf"), { type: "q8_0", onWarning });
    expect(warnings).toEqual(codes);
  } finally {
    await rm(folder, { recursive: true });
  }
});
