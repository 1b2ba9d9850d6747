import { open } from "node:fs/promises";
import { join } from "node:path";
import { readJson } from "../../src/checkpoint/files.ts";
import { ggufName } from "../../src/checkpoint/gguf/tensor-names.ts";
import { metadataOfConfig } from "../../src/checkpoint/gguf/write-config.ts";
import { ggufPieces, type PlannedTensor, planGguf } from "../../src/checkpoint/gguf/write-gguf.ts";
import type { TypedValue } from "../../src/checkpoint/gguf/write-header.ts";
import { fileTypeNumbers } from "../../src/checkpoint/gguf/written-types.ts";
import { openDirectory } from "../../src/checkpoint/node/directory.ts";
import { openTensors } from "../../src/checkpoint/tensors.ts";
import { expectedTensors, type ModelConfig, parseModelConfig } from "../../src/model/config.ts";
import { byteToken } from "../../src/text/byte-alphabet.ts";
import { reuseOrWrite } from "../whole-folder.ts";

export interface ConvertOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file that is written. */
  readonly onProgress?: (completed: number, total: number) => void;
}

/** Changes whenever other bytes are written for the same checkpoint. */
const converterVersion = 2;

/**
 * Writes a Qwen2 checkpoint in bfloat16 as a GGUF file for llama.cpp, with the numbers that Skein has with 4-bit weights: projections in Q4_0, embeddings
 * and output matrix in Q8_0, norms and biases in float32. Written once, reused while it is whole.
 *
 * @param folder - for the file alone; made when it is missing
 * @returns the file's path
 */
export async function convertToGguf(checkpoint: string, folder: string, options: ConvertOptions = {}): Promise<string> {
  const { signal, onProgress } = options;
  const name = "model.gguf";
  const files = await openDirectory(checkpoint);
  try {
    const config = parseModelConfig(await readJson(files, "config.json"));
    const index = await openTensors(files);
    const tensors = [...expectedTensors(config)].map(([source, shape]) => planTensor(source, shape));
    const plan = planGguf(metadataOf(config), tensors);
    const contents = {
      version: `${converterVersion}, ${checkpoint}, ${JSON.stringify(config)}`,
      files: { [name]: plan.bytes },
    };
    await reuseOrWrite(folder, contents, async (partial) => {
      const file = await open(join(partial, name), "wx");
      try {
        let completed = 0;
        for await (const piece of ggufPieces(plan, files, index)) {
          signal?.throwIfAborted();
          await file.writeFile(piece);
          completed += piece.length;
          onProgress?.(completed, plan.bytes);
        }
      } finally {
        await file.close();
      }
    });
    return join(folder, name);
  } finally {
    await files.close();
  }
}

function planTensor(source: string, shape: readonly number[]): PlannedTensor {
  const name = ggufName(source);
  if (name === undefined) throw new Error(`${source} has no name in llama.cpp`);
  return { source, name, shape, type: shape.length === 1 ? "F32" : name.startsWith("blk.") ? "Q4_0" : "Q8_0" };
}

/** llama.cpp insists on a vocabulary. @param bytes - that have tokens: all 256, for whom Skein is to read the file */
export function metadataOf(config: ModelConfig, bytes = 128): Record<string, TypedValue> {
  return {
    ...metadataOfConfig(config),
    "general.name": { type: "string", value: "random weights" },
    "general.quantization_version": { type: "uint32", value: 2 },
    "general.file_type": { type: "uint32", value: fileTypeNumbers.q4_0 },
    "tokenizer.ggml.model": { type: "string", value: "gpt2" },
    "tokenizer.ggml.pre": { type: "string", value: "qwen2" },
    "tokenizer.ggml.tokens": { type: "strings", value: wordsFor(config.vocab_size, bytes) },
    "tokenizer.ggml.merges": { type: "strings", value: [] },
  };
}

/** The first tokens are single bytes, the letters of ASCII, so that such text has tokens. The others' words are their numbers, which no text is split into. */
function wordsFor(vocabulary: number, bytes: number): string[] {
  return Array.from({ length: vocabulary }, (_, token) => (token < bytes ? byteToken(token) : `<${token}>`));
}
