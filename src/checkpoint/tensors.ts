import { UnsupportedError } from "../errors.ts";
import { CheckpointError, quoteName } from "./errors.ts";
import type { CheckpointFiles } from "./files.ts";
import { formatShape, isWeightType, readHeader, type TensorEntry } from "./safetensors.ts";
import { readEntries } from "./shards.ts";
import { widenBfloat16, widenFloat16 } from "./widen.ts";

/** Numbers in blocks of 32, each a scale times an integer. */
export interface TensorBlocks {
  /** The bits of a float16 for each block. */
  readonly scales: Uint16Array;
  /** One for each number. */
  readonly integers: Int8Array;
}

/** Blocks of 32 that are a float16 times integers of 4 or 8 bits, or ggml's super-blocks of Q4_K and Q6_K. */
export type BlockKind = "q4" | "q8" | "q4_k" | "q6_k";

/** A checkpoint's tensors: all are known, none is read before it is asked for. */
export interface TensorIndex {
  /** In the order of the files, and in each file in the order of the data. */
  readonly names: readonly string[];
  entry(name: string): TensorEntry | undefined;
  /** Whether the tensor's type holds weights. */
  isReadable(name: string): boolean;
  /** Of a tensor whose blocks can be kept as they are: which kind they are of; undefined for all others. */
  blockType?(name: string): BlockKind | undefined;
  /** The numbers of a tensor of q4 or q8 from `start` to `end`, which whole blocks make up. */
  readBlocks?(name: string, start: number, end: number): Promise<TensorBlocks>;
  /** The bytes of those of a tensor of q4_k or q6_k, which whole super-blocks make up. */
  readSuperBlocks?(name: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * A tensor's numbers, row-major, as float32; F16 and BF16 are widened exactly. At most 64 MiB of the file are in
   * memory beside the result.
   *
   * @param start - the first number wanted, 0 unless given
   * @param end - the one after the last, the tensor's end unless given
   * @throws CheckpointError when there is no such tensor, or it cannot be read or held.
   * @throws UnsupportedError when it is of another type.
   */
  readFloat32(name: string, start?: number, end?: number): Promise<Float32Array<ArrayBuffer>>;
  /** A tensor's bytes as they are in the file, little-endian. */
  readBytes(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** How much of a tensor is read at a time, in bytes. */
const PIECE_BYTES: number = 64 * 2 ** 20;

/**
 * Finds a checkpoint's tensors: in `model.safetensors`, or in the shards that `model.safetensors.index.json` names.
 * Only headers are read.
 *
 * @throws CheckpointError when there are no weights, or a file is damaged or contradicts another.
 * @throws UnsupportedError when the weights are in another format.
 * @example
 * ```ts
 * const index = await openTensors(await openDirectory("models/tiny-qwen2"));
 * const norm = await index.readFloat32("model.norm.weight");
 * ```
 */
export async function openTensors(files: CheckpointFiles): Promise<TensorIndex> {
  return files.tensors ?? indexOf(files, await readEntries(files));
}

/**
 * The tensors of one safetensors file.
 *
 * @throws CheckpointError when there is no such file, or it is damaged.
 */
export async function openTensorFile(files: CheckpointFiles, name: string): Promise<TensorIndex> {
  const entries = await readHeader(files, name);
  return indexOf(files, new Map(entries.map((entry) => [entry.name, entry])));
}

function indexOf(files: CheckpointFiles, entries: ReadonlyMap<string, TensorEntry>): TensorIndex {
  function entryOf(name: string): TensorEntry {
    const entry = entries.get(name);
    if (entry !== undefined) return entry;
    throw new CheckpointError("not_found", `${files.label} has no tensor ${quoteName(name)}`);
  }
  return {
    names: [...entries.keys()],
    entry: (name) => entries.get(name),
    isReadable: (name) => isWeightType(entryOf(name).dtype),
    readFloat32: async (name, start, end) => await readFloat32(files, entryOf(name), start, end),
    async readBytes(name) {
      const { file, start, end } = entryOf(name);
      return await files.read(file, start, end);
    },
  };
}

/**
 * Compares a checkpoint's tensors with those that the model needs.
 *
 * @param expected - name to shape
 * @param options.optional - patterns of names that may be there and are not needed
 * @param options.problem - the message's beginning
 * @param options.question - its end
 * @throws CheckpointError naming what is missing, not expected, wrongly shaped, or of a type that holds no weights: up
 * to ten of each.
 */
export function checkTensors(
  index: TensorIndex,
  expected: ReadonlyMap<string, readonly number[]>,
  options: { readonly optional?: readonly RegExp[]; readonly problem?: string; readonly question?: string } = {},
): void {
  const { problem = "The weights do not fit the configuration", question = "Is config.json that of this model?" } =
    options;
  const missing: string[] = [];
  const misshapen: string[] = [];
  const unreadable: string[] = [];
  for (const [name, shape] of expected) {
    const entry = index.entry(name);
    if (entry === undefined) missing.push(name);
    else if (!isSameShape(entry.shape, shape)) {
      misshapen.push(`${name} (${formatShape(entry.shape)} instead of ${formatShape(shape)})`);
    } else if (!index.isReadable(name)) unreadable.push(`${name} (${entry.dtype})`);
  }
  const optional = options.optional ?? [];
  const unexpected = index.names
    .filter((name) => !expected.has(name) && !optional.some((pattern) => pattern.test(name)))
    .map(quoteName);
  const problems = [
    formatProblem("missing", missing),
    formatProblem("not expected", unexpected),
    formatProblem("of the wrong shape", misshapen),
    formatProblem("not F32, F16 or BF16", unreadable),
  ].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new CheckpointError("invalid_checkpoint", `${problem}. Tensors ${problems.join("; ")}. ${question}`);
}

function formatProblem(what: string, tensors: readonly string[]): string | undefined {
  if (tensors.length === 0) return undefined;
  const more = tensors.length > 10 ? ` and ${tensors.length - 10} more` : "";
  return `${what}: ${tensors.slice(0, 10).join(", ")}${more}`;
}

function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

async function readFloat32(
  files: CheckpointFiles,
  entry: TensorEntry,
  first = 0,
  last?: number,
): Promise<Float32Array<ArrayBuffer>> {
  const { name, dtype, file } = entry;
  if (!isWeightType(dtype)) {
    throw new UnsupportedError(`${quoteName(name)} in ${file} is of type ${dtype}; weights must be F32, F16 or BF16`);
  }
  const elementBytes = dtype === "F32" ? 4 : 2;
  const start = entry.start + first * elementBytes;
  const end = last === undefined ? entry.end : entry.start + last * elementBytes;
  const values = allocate(entry, (end - start) / elementBytes);
  for (let offset = 0; offset < end - start; offset += PIECE_BYTES) {
    const piece = await files.read(file, start + offset, Math.min(end, start + offset + PIECE_BYTES));
    const target = values.subarray(offset / elementBytes, (offset + piece.length) / elementBytes);
    const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
    // Typed arrays use the machine's byte order, the file is little-endian, and so is every machine that this runs on.
    if (dtype === "F32") new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(piece);
    else if (dtype === "F16") widenFloat16(halvesOf(piece), bits);
    else widenBfloat16(halvesOf(piece), bits);
  }
  return values;
}

/** @param length - in elements; backed by a file's bytes, so at most twice its size in memory */
function allocate(entry: TensorEntry, length: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new CheckpointError(
      "out_of_memory",
      `${quoteName(entry.name)} ${formatShape(entry.shape)} needs ${length * 4} bytes, more than could be allocated`,
      { cause },
    );
  }
}

function halvesOf(piece: Uint8Array<ArrayBuffer>): Uint16Array {
  // A source of someone else's making may hand out a view at an odd address.
  const bytes = piece.byteOffset % 2 === 0 ? piece : piece.slice();
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}
