import { open } from "node:fs/promises";
import { join } from "node:path";
import { ggufName } from "../../src/checkpoint/gguf/tensor-names.ts";
import { aligned, encodeGgufHeader, tensorBytes, type WrittenTensor } from "../../src/checkpoint/gguf/write-header.ts";
import { expectedTensors, parseModelConfig } from "../../src/model/config.ts";
import { createRandom } from "../../src/sampling/random.ts";
import { randomBlocks } from "../../test/random-gguf.ts";
import { configOf, type Shape } from "../shapes.ts";
import { reuseOrWrite } from "../whole-folder.ts";
import { type ConvertOptions, metadataOf } from "./convert.ts";

/** Changes whenever other bytes are written for the same shape. */
const version = 3;
/** Numbers of a pool of random blocks, of which tensors are put together. */
const poolNumbers = 2 ** 20;

/**
 * Writes a GGUF file of random weights of a Qwen2 shape, in the mixture that llama.cpp calls Q4_K_M: Q6_K for the output matrix and for half of the values'
 * and down projections, Q4_K for the others. Written once, reused while it is whole.
 *
 * @param folder - for the file alone; made when it is missing
 * @returns the file's path
 * @throws Error when the shape's rows are not whole super-blocks
 * @see llama.cpp `src/llama-quant.cpp`: use_more_bits
 */
export async function writeKQuants(shape: Shape, folder: string, options: ConvertOptions = {}): Promise<string> {
  const { signal, onProgress } = options;
  const config = parseModelConfig(configOf(shape));
  const sources = [...expectedTensors(config)];
  const ragged = sources.find(([, sizes]) => sizes.length === 2 && sizes[1]! % 256 !== 0);
  if (ragged)
    throw new Error(`${shape.name}: rows of ${ragged[1][1]} are no whole super-blocks; 1.5b and 7b have such`);
  const tensors = sources.map(([source, sizes]): WrittenTensor => {
    const name = ggufName(source)!;
    return { name, shape: sizes, type: sizes.length === 1 ? "F32" : typeOf(name, shape) };
  });
  const fileType = { "general.file_type": { type: "uint32", value: 15 } } as const; // mostly Q4_K, M
  const header = encodeGgufHeader({ ...metadataOf(config, 256), ...fileType }, tensors);
  const total = tensors.reduce((sum, tensor) => sum + aligned(tensorBytes(tensor)), header.length);
  const name = "model.gguf";
  await reuseOrWrite(
    folder,
    { version: `Q4_K_M ${version}, ${shape.name}`, files: { [name]: total } },
    async (partial) => {
      const file = await open(join(partial, name), "wx");
      try {
        await file.writeFile(header);
        let completed = header.length;
        const fill = createFill();
        for (const tensor of tensors) {
          signal?.throwIfAborted();
          const bytes = new Uint8Array(aligned(tensorBytes(tensor)));
          fill(tensor, bytes.subarray(0, tensorBytes(tensor)));
          await file.writeFile(bytes);
          completed += bytes.length;
          onProgress?.(completed, total);
        }
      } finally {
        await file.close();
      }
    },
  );
  return join(folder, name);
}

function typeOf(name: string, { num_hidden_layers: layers, tie_word_embeddings: isTied }: Shape): string {
  if (name === "output.weight" || (isTied && name === "token_embd.weight")) return "Q6_K";
  const [, number, matrix] = /^blk\.(\d+)\.(attn_v|ffn_down)\./.exec(name) ?? [];
  if (matrix === undefined) return "Q4_K";
  const layer = Number(number);
  const eighth = Math.floor(layers / 8);
  const isImportant = layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
  return isImportant ? "Q6_K" : "Q4_K";
}

/** @returns what fills a tensor's bytes; see `random-weights.ts` for how large its numbers are */
function createFill(): (tensor: WrittenTensor, bytes: Uint8Array) => void {
  const random = createRandom(1);
  const pools = new Map<string, Uint8Array>();
  return ({ name, type, shape }, bytes) => {
    if (type === "F32") {
      const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      for (let i = 0; i < numbers.length; i++)
        numbers[i] = name.endsWith("bias") ? random.next() - 0.5 : 0.85 + 0.3 * random.next();
      return;
    }
    const deviation = (/^(token_embd|output)/.test(name) ? 2 : 1) / Math.sqrt(shape[1]!);
    const key = `${type} ${deviation}`;
    const pool = pools.get(key) ?? randomBlocks(type, poolNumbers, deviation, random);
    pools.set(key, pool);
    const blockBytes = pool.length / (poolNumbers / 256);
    for (let at = 0; at < bytes.length; ) {
      const from = Math.floor((random.next() * poolNumbers) / 256) * blockBytes;
      const piece = pool.subarray(from, from + Math.min(pool.length - from, bytes.length - at));
      bytes.set(piece, at);
      at += piece.length;
    }
  };
}
