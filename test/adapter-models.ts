import { openAsBlob } from "node:fs";
import { join } from "node:path";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import type { ModelFiles } from "../src/index.ts";
import { normalNumbers, writeSafetensors } from "./quantised-models.ts";
import { tiny } from "./tiny.ts";

/** A tensor of a test. */
export interface PlainTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** An adapter of a test: its files, and the matrices by module, from which a test merges it by itself. */
export interface TestAdapter {
  readonly files: ModelFiles;
  readonly config: Readonly<Record<string, unknown>>;
  readonly matrices: ReadonlyMap<string, { readonly a: PlainTensor; readonly b: PlainTensor; readonly scale: number }>;
}

/** Modules of the embedded model: [outputs, inputs]. */
const tinyModules: Readonly<Record<string, readonly [number, number]>> = {
  "self_attn.q_proj": [128, 128],
  "self_attn.k_proj": [64, 128],
  "self_attn.v_proj": [64, 128],
  "self_attn.o_proj": [128, 128],
  "mlp.gate_proj": [384, 128],
  "mlp.up_proj": [384, 128],
  "mlp.down_proj": [128, 384],
};

/** The names that trainers usually list. */
const allTargets: readonly string[] = Object.keys(tinyModules).map((name) => name.split(".")[1]!);

/**
 * A random adapter of the embedded model that changes what the model says, but leaves it a model.
 *
 * @param change - to the configuration
 * @param ruleFor - rank and scale of a module, written down by the test; undefined where the adapter leaves it alone
 */
export function randomAdapter(
  seed: number,
  change: Readonly<Record<string, unknown>> = {},
  ruleFor: (module: string) => { readonly rank: number; readonly scale: number } | undefined = () => ({
    rank: 8,
    scale: 2,
  }),
): TestAdapter {
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: "tiny-qwen2",
    r: 8,
    lora_alpha: 16,
    target_modules: allTargets,
    bias: "none",
    ...change,
  };
  const layers = [0, 1, 2, 3].flatMap((layer) =>
    Object.entries(tinyModules).map(([name, shape]) => [`model.layers.${layer}.${name}`, shape] as const),
  );
  const random = normalNumbers(seed);
  const numbers = (count: number, deviation: number) =>
    Float32Array.from({ length: count }, () => deviation * random());
  const matrices = new Map<string, { a: PlainTensor; b: PlainTensor; scale: number }>();
  for (const [module, [outputs, inputs]] of [...layers, ["lm_head", [1024, 128]] as const]) {
    const rule = module === "lm_head" && ruleFor.length === 0 ? undefined : ruleFor(module);
    if (!rule) continue;
    const { rank, scale } = rule;
    matrices.set(module, {
      a: { shape: [rank, inputs], data: numbers(rank * inputs, 1 / Math.sqrt(inputs)) },
      b: { shape: [outputs, rank], data: numbers(outputs * rank, 0.06) },
      scale,
    });
  }
  return { files: adapterFiles(config, matrices), config, matrices };
}

/** The files of an adapter, as PEFT names them. */
function adapterFiles(config: object, matrices: TestAdapter["matrices"]): ModelFiles {
  const tensors = new Map<string, PlainTensor>();
  for (const [module, { a, b }] of matrices) {
    tensors.set(`base_model.model.${module}.lora_A.weight`, a);
    tensors.set(`base_model.model.${module}.lora_B.weight`, b);
  }
  return {
    "adapter_config.json": new Blob([JSON.stringify(config)]),
    "adapter_model.safetensors": new Blob(writeSafetensors(tensors)),
  };
}

/** The files of a folder that make up a model. */
export async function readFiles(folder: string): Promise<ModelFiles> {
  const names = ["config.json", "model.safetensors"];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await openAsBlob(join(folder, name))])));
}

/** The embedded model with an adapter merged into it by plain loops, in float32. */
export async function mergedByHand({ matrices }: TestAdapter): Promise<ModelFiles> {
  const files = await openDirectory(tiny);
  const index = await openTensors(files);
  const tensors = new Map<string, PlainTensor>();
  for (const name of index.names) {
    const { shape } = index.entry(name)!;
    const data = await index.readFloat32(name);
    const pair = matrices.get(name.replace(/\.weight$/, ""));
    if (pair) addProduct(data, pair);
    tensors.set(name, { shape, data });
  }
  await files.close();
  const config = JSON.parse(await (await openAsBlob(join(tiny, "config.json"))).text());
  const head = matrices.get("lm_head");
  if (head) {
    const { shape, data } = tensors.get("model.embed_tokens.weight")!;
    const own = data.slice();
    addProduct(own, head);
    tensors.set("lm_head.weight", { shape, data: own });
  }
  return {
    "config.json": new Blob([JSON.stringify({ ...config, ...(head && { tie_word_embeddings: false }) })]),
    "model.safetensors": new Blob(writeSafetensors(tensors)),
  };
}

function addProduct(
  weight: Float32Array,
  { a, b, scale }: { readonly a: PlainTensor; readonly b: PlainTensor; readonly scale: number },
): void {
  const [rank, inputs] = a.shape as [number, number];
  for (let i = 0; i < weight.length; i++) {
    const [row, column] = [Math.floor(i / inputs), i % inputs];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += b.data[row * rank + k]! * a.data[k * inputs + column]!;
    weight[i]! += scale * sum;
  }
}
