import { UnsupportedError } from "../../errors.ts";
import { quoteName } from "../errors.ts";
import type { CheckpointFiles } from "../files.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";
import { checkpointName } from "./tensor-names.ts";

/** Reads a tensor's bytes from `from` to `to`, counted from its beginning, its rows in the order of a checkpoint. */
export type ReadTensor = (from: number, to: number) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * llama.cpp rotates neighbouring channels of Llama's queries and keys, where checkpoints rotate channel j with channel j + headDim / 2. So its converter puts
 * their rows in another order: row 2j + h of a head was row j + h · headDim / 2. Rows are whole blocks in every type, so they are put back as bytes.
 *
 * @returns how to read any tensor of the file
 * @see llama.cpp `convert_hf_to_gguf.py`, `LlamaModel.permute`
 */
export function tensorReader(files: CheckpointFiles, { metadata }: GgufHeader): (tensor: GgufTensor) => ReadTensor {
  const count = (key: string): number => {
    const value = metadata.get(`llama.attention.${key}`);
    return typeof value === "number" ? value : 0;
  };
  const isPermuted = metadata.get("general.architecture") === "llama";
  const heads = count("head_count");
  return (tensor) => {
    const { name, shape, file, start, end } = tensor;
    const [, projection] = /\.self_attn\.([qk])_proj\.(?:weight|bias)$/.exec(checkpointName(name)) ?? [];
    const own = projection === "q" ? heads : count("head_count_kv") || heads;
    const headRows = (shape[0] ?? 0) / own;
    // A tensor that is no such thing is refused for its shape later.
    const isWhole = headRows >= 2 && headRows % 2 === 0 && end > start;
    if (isPermuted && projection !== undefined && isWhole) return readHeads(files, tensor, headRows);
    return (from, to) => files.read(file, start + from, start + to);
  };
}

function readHeads(
  files: CheckpointFiles,
  { name, file, shape, start, end }: GgufTensor,
  headRows: number,
): ReadTensor {
  const rowBytes = (end - start) / shape[0]!;
  if (!Number.isInteger(rowBytes))
    throw new UnsupportedError(
      `${quoteName(name)} in ${file} is a vector in blocks, whose numbers cannot be put in order`,
    );
  const headBytes = headRows * rowBytes;
  const half = headRows / 2;
  return async (from, to) => {
    const first = Math.floor(from / headBytes) * headBytes;
    const last = Math.ceil(to / headBytes) * headBytes;
    const heads = await files.read(file, start + first, start + last);
    const out = new Uint8Array(to - from);
    for (let row = Math.floor(from / rowBytes); row * rowBytes < to; row++) {
      const inHead = row % headRows;
      const moved = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
      const begin = Math.max(from, row * rowBytes);
      const count = Math.min(to, (row + 1) * rowBytes) - begin;
      const at = moved * rowBytes + (begin - row * rowBytes) - first;
      out.set(heads.subarray(at, at + count), begin - from);
    }
    return out;
  };
}
