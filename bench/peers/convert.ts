import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointFiles, readJson } from "../../src/checkpoint/files.ts";
import {
  aligned,
  encodeGgufHeader,
  type TypedValue,
  tensorBytes,
  type WrittenTensor,
} from "../../src/checkpoint/gguf/write-header.ts";
import { openDirectory } from "../../src/checkpoint/node/directory.ts";
import type { TensorEntry } from "../../src/checkpoint/safetensors.ts";
import { openTensors } from "../../src/checkpoint/tensors.ts";
import { widenBfloat16 } from "../../src/checkpoint/widen.ts";
import { expectedTensors, type ModelConfig, parseModelConfig } from "../../src/model/config.ts";
import { byteToken } from "../../src/text/byte-alphabet.ts";
import { reuseOrWrite } from "../whole-folder.ts";
import { quantizeQ4, quantizeQ8 } from "./quantize.ts";

export interface ConvertOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file that is written. */
  readonly onProgress?: (completed: number, total: number) => void;
}

/** Changes whenever other bytes are written for the same checkpoint. */
const converterVersion = 2;
/** A multiple of a block's length. */
const chunkElements = 2 ** 22;

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
    const tensors = [...expectedTensors(config)].map(([source, shape]) => ({
      source,
      ...describeTensor(source, shape),
    }));
    const header = encodeGgufHeader(metadataOf(config), tensors);
    const total = tensors.reduce((sum, tensor) => sum + aligned(tensorBytes(tensor)), header.length);
    const contents = {
      version: `${converterVersion}, ${checkpoint}, ${JSON.stringify(config)}`,
      files: { [name]: total },
    };
    await reuseOrWrite(folder, contents, async (partial) => {
      const file = await open(join(partial, name), "wx");
      try {
        await file.writeFile(header);
        let completed = header.length;
        for (const tensor of tensors) {
          await convertTensor(files, index.entry(tensor.source)!, tensor.type, file, signal);
          completed += aligned(tensorBytes(tensor));
          onProgress?.(completed, total);
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

async function convertTensor(
  files: CheckpointFiles,
  { file: name, start, end }: TensorEntry,
  type: WrittenTensor["type"],
  out: FileHandle,
  signal: AbortSignal | undefined,
): Promise<void> {
  let written = 0;
  for (let from = start; from < end; from += chunkElements * 2) {
    signal?.throwIfAborted();
    const halves = new Uint16Array((await files.read(name, from, Math.min(end, from + chunkElements * 2))).buffer);
    const values = new Float32Array(halves.length);
    widenBfloat16(halves, new Uint32Array(values.buffer));
    const bytes = encode(values, type);
    await out.writeFile(bytes);
    written += bytes.length;
  }
  await out.writeFile(new Uint8Array(aligned(written) - written));
}

function encode(values: Float32Array<ArrayBuffer>, type: WrittenTensor["type"]): Uint8Array<ArrayBuffer> {
  if (type === "F32") return new Uint8Array(values.buffer);
  return type === "Q4_0" ? quantizeQ4(values) : quantizeQ8(values);
}

/** A checkpoint's names in the words of llama.cpp. */
const layerNames: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

const outerNames: Readonly<Record<string, WrittenTensor["name"]>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
};

function describeTensor(source: string, shape: readonly number[]): WrittenTensor {
  const [, layer, inLayer, outer, kind] = /^(?:model\.layers\.(\d+)\.(.+)|(.+))\.(weight|bias)$/.exec(source) ?? [];
  const name = inLayer ? layerNames[inLayer] : outerNames[outer ?? ""];
  if (name === undefined) throw new Error(`${source} has no name in llama.cpp's qwen2`);
  const type = shape.length === 1 ? "F32" : inLayer ? "Q4_0" : "Q8_0";
  return { name: `${inLayer ? `blk.${layer}.` : ""}${name}.${kind}`, shape, type };
}

/** What llama.cpp needs to know of a Qwen2 model. It insists on a vocabulary. */
function metadataOf(config: ModelConfig): Record<string, TypedValue> {
  const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
  const float32 = (value: number): TypedValue => ({ type: "float32", value });
  const string = (value: string): TypedValue => ({ type: "string", value });
  return {
    "general.architecture": string("qwen2"),
    "general.name": string("random weights"),
    "general.quantization_version": uint32(2),
    "general.file_type": uint32(2), // mostly Q4_0
    "qwen2.block_count": uint32(config.num_hidden_layers),
    "qwen2.context_length": uint32(config.max_position_embeddings),
    "qwen2.embedding_length": uint32(config.hidden_size),
    "qwen2.feed_forward_length": uint32(config.intermediate_size),
    "qwen2.attention.head_count": uint32(config.num_attention_heads),
    "qwen2.attention.head_count_kv": uint32(config.num_key_value_heads),
    "qwen2.attention.layer_norm_rms_epsilon": float32(config.rms_norm_eps),
    "qwen2.rope.freq_base": float32(config.rope_theta),
    "tokenizer.ggml.model": string("gpt2"),
    "tokenizer.ggml.pre": string("qwen2"),
    "tokenizer.ggml.tokens": { type: "strings", value: wordsFor(config.vocab_size) },
    "tokenizer.ggml.merges": { type: "strings", value: [] },
  };
}

/** The first 128 tokens are the letters of ASCII, so that such text has tokens. The others' words are their numbers, which no text is split into. */
function wordsFor(vocabulary: number): string[] {
  return Array.from({ length: vocabulary }, (_, token) => (token < 128 ? byteToken(token) : `<${token}>`));
}
