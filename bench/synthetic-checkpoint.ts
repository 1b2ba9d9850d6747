import { type FileHandle, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectedTensors, parseModelConfig } from "../src/model/config.ts";
import { createRandomWeights, type FillTensor } from "./random-weights.ts";
import { configOf, type Shape } from "./shapes.ts";
import { reuseOrWrite } from "./whole-folder.ts";

export interface CheckpointOptions {
  /** Where checkpoints are kept; each gets a folder of its own in it. */
  readonly folder: string;
  /** Of its folder, but for the seed; where the shape is none of a published model. */
  readonly name?: string;
  readonly seed?: number;
  /** See {@link createRandomWeights}. */
  readonly initializerRange?: number;
  readonly signal?: AbortSignal;
  /** Bytes. */
  readonly onProgress?: (completed: number, total: number) => void;
  /** The most bytes of weights in one file. */
  readonly shardBytes?: number;
}

/** One file of the checkpoint. */
interface Shard {
  readonly name: string;
  readonly header: Uint8Array;
  readonly tensors: readonly Tensor[];
  /** Of the whole file. */
  readonly bytes: number;
}

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** How many numbers. */
  readonly length: number;
}

/** Changes whenever other bytes are written for the same seed. */
const generatorVersion = 1;
const defaultShardBytes = 4e9;
const elementBytes = 2;
const chunkElements = 2 ** 22;

/**
 * A checkpoint of a true shape with random weights: `config.json` and safetensors files of bfloat16 numbers, sharded with an index where they are
 * large. There is no tokenizer: what is measured takes tokens. Written once, reused while it is whole.
 *
 * @returns the checkpoint's folder
 * @throws the signal's reason; nothing stays behind then
 */
export async function synthesizeCheckpoint(shape: Shape, options: CheckpointOptions): Promise<string> {
  const {
    name = `qwen2-${shape.name}`,
    seed = 1,
    initializerRange,
    signal,
    onProgress,
    shardBytes = defaultShardBytes,
  } = options;
  const shards = planShards(shape, shardBytes);
  const config = JSON.stringify(configOf(shape), null, 2);
  const range = initializerRange === undefined ? "" : `-range-${initializerRange}`;
  const contents = {
    version: `${generatorVersion}, seed ${seed}${range}, ${config}`,
    files: Object.fromEntries(shards.map(({ name, bytes }) => [name, bytes])),
  };
  return reuseOrWrite(join(options.folder, `${name}-seed-${seed}${range}`), contents, async (folder) => {
    const weights = createRandomWeights(seed, initializerRange);
    const total = shards.reduce((sum, { bytes }) => sum + bytes, 0);
    let completed = 0;
    for (const shard of shards) {
      const file = await open(join(folder, shard.name), "wx");
      try {
        await file.writeFile(shard.header);
        for (const tensor of shard.tensors) {
          await writeTensor(file, tensor, weights(tensor.name, tensor.shape), (bytes) => {
            signal?.throwIfAborted();
            completed += bytes;
            onProgress?.(completed, total);
          });
        }
      } finally {
        await file.close();
      }
    }
    if (shards.length > 1) await writeFile(join(folder, "model.safetensors.index.json"), indexOf(shards));
    await writeFile(join(folder, "config.json"), config);
  });
}

function planShards(shape: Shape, shardBytes: number): readonly Shard[] {
  const groups: Tensor[][] = [[]];
  let bytes = 0;
  for (const [name, dimensions] of expectedTensors(parseModelConfig(configOf(shape)))) {
    const length = dimensions.reduce((product, size) => product * size, 1);
    if (bytes > 0 && bytes + length * elementBytes > shardBytes) {
      groups.push([]);
      bytes = 0;
    }
    bytes += length * elementBytes;
    groups.at(-1)!.push({ name, shape: dimensions, length });
  }
  const digits = (number: number): string => String(number).padStart(5, "0");
  return groups.map((tensors, index) => {
    const name =
      groups.length === 1 ? "model.safetensors" : `model-${digits(index + 1)}-of-${digits(groups.length)}.safetensors`;
    const { header, dataBytes } = describeTensors(tensors, "BF16");
    return { name, tensors, header, bytes: header.length + dataBytes };
  });
}

/**
 * @returns what stands before the tensors' numbers in a safetensors file, and how many bytes these take
 * @see https://huggingface.co/docs/safetensors/index#format
 */
export function describeTensors(
  tensors: readonly Tensor[],
  dtype: "BF16" | "F32",
): { readonly header: Uint8Array; readonly dataBytes: number } {
  const entries: Record<string, object> = {};
  let end = 0;
  for (const { name, shape, length } of tensors) {
    const begin = end;
    end += length * (dtype === "F32" ? 4 : elementBytes);
    entries[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = JSON.stringify(entries);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8)); // the data begins aligned
  const header = new Uint8Array(8 + text.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(text.length), true);
  header.set(text, 8);
  return { header, dataBytes: end };
}

/** One chunk is filled while the one before it is written. */
async function writeTensor(
  file: FileHandle,
  { length }: Tensor,
  fill: FillTensor,
  onChunk: (bytes: number) => void,
): Promise<void> {
  const size = Math.min(length, chunkElements);
  const buffers = [new Uint16Array(size), new Uint16Array(size)] as const;
  let writing: Promise<void> | undefined;
  try {
    for (let start = 0, turn = 0; start < length; start += size, turn ^= 1) {
      const chunk = buffers[turn as 0 | 1].subarray(0, Math.min(size, length - start));
      fill(chunk, start);
      await writing;
      writing = file.writeFile(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      onChunk(chunk.byteLength);
    }
  } finally {
    await writing;
  }
}

function indexOf(shards: readonly Shard[]): string {
  const weight_map = Object.fromEntries(
    shards.flatMap(({ name, tensors }) => tensors.map((tensor) => [tensor.name, name])),
  );
  const total_size = shards.reduce((sum, { bytes, header }) => sum + bytes - header.length, 0);
  return JSON.stringify({ metadata: { total_size }, weight_map }, null, 2);
}
