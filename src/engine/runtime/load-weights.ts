import { platform } from "#platform";
import type { Backend, KeyScales, MatrixType, Weight, WeightSpace, WeightSpec } from "../../backend/backend.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { widenSuperBlocks } from "../../checkpoint/gguf/blocks-k.ts";
import { namingFile } from "../../checkpoint/in-file.ts";
import type { TensorBlocks, TensorIndex } from "../../checkpoint/tensors.ts";
import { expectedTensors, type ModelConfig } from "../../model/config.ts";
import { KeyScaleFinder, keyScales } from "../../model/key-scales.ts";
import type { KeepWeights } from "../keep-weights.ts";
import type { LoadCall } from "../methods.ts";
import type { Progress } from "../options.ts";
import { weightsFingerprint } from "./weights-fingerprint.ts";

/** All weights of a model, loaded. */
export interface LoadedWeights {
  readonly byName: ReadonlyMap<string, Weight>;
  /** What keys are multiplied by in a quantised cache; see {@link KeyScaleFinder}. */
  readonly keyScales: KeyScales;
  /** Settles when nothing is being written to the disk's cache any more. */
  readonly kept: Promise<void>;
  /** What ties saved sessions to these weights. Computed when it is first asked for. */
  readonly fingerprint: () => Promise<string>;
}

/**
 * The tensors of a model and how each is kept: as the checkpoint has it unless the options say otherwise; the embedding and output matrices in no
 * fewer than 8 bits, since they decide which token it is. What queries, keys and values are made of is quantised finely: their matrices
 * are a sixteenth of all, and where attention is sharp the softmax makes much of small errors.
 */
export function weightSpecs(config: ModelConfig, index: TensorIndex, call: LoadCall): WeightSpec[] {
  const { backend, weights, embeddings = weights === "q4" ? "q8" : weights } = call;
  const outer = new Set(["model.embed_tokens.weight", "lm_head.weight"]);
  return [...expectedTensors(config)].map(([name, shape]) => {
    const asked = outer.has(name) ? embeddings : weights;
    const type = backend === "reference" ? "f32" : (asked ?? storedType(index.entry(name)?.dtype));
    return { name, shape, type, isFine: /\.self_attn\.[qkv]_proj\./.test(name) };
  });
}

/** Types of blocks other than these are widened to 8 bits, never narrowed. */
function storedType(dtype: string | undefined): MatrixType {
  switch (dtype) {
    case undefined:
    case "F32":
      return "f32";
    case "F16":
      return "f16";
    case "BF16":
      return "bf16";
    case "Q4_0":
      return "q4";
    case "Q4_K":
      return "q4_k";
    case "Q6_K":
      return "q6_k";
    default:
      return "q8";
  }
}

/**
 * Reads the weights as a stream, or, repacked as they were at an earlier start, from the disk's cache.
 *
 * @param pairs - of rotated channels in a head
 * @throws CheckpointError, UnsupportedError; the signal's reason
 */
export async function loadWeights(
  files: CheckpointFiles,
  index: TensorIndex,
  config: ModelConfig,
  specs: readonly WeightSpec[],
  backend: Backend,
  pairs: number,
  {
    signal,
    onProgress,
    keepWeights = platform.keepWeights,
  }: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: Progress) => void;
    readonly keepWeights?: KeepWeights | undefined;
  },
): Promise<LoadedWeights> {
  const space = backend.allocateWeights(specs);
  const disk = await keepWeights?.(files, index, space, specs);
  const tell = (completed: number, total: number): void => onProgress({ phase: "load", completed, total });
  const exponentCount = config.num_hidden_layers * config.num_key_value_heads * pairs;
  let kept = Promise.resolve();
  let exponents = await disk?.read(exponentCount, signal, tell);
  if (!exponents) {
    const finder = new KeyScaleFinder(config);
    await readSource(index, specs, space, finder, signal, tell);
    exponents = finder.exponents(pairs);
    // In the background: the first answer does not wait for the disk.
    if (disk) kept = disk.write(exponents).catch(() => {});
  }
  return {
    kept,
    keyScales: keyScales(config, exponents, pairs),
    byName: new Map(specs.map(({ name }, i) => [name, space.weights[i]!])),
    fingerprint: weightsFingerprint(config, specs, space),
  };
}

async function readSource(
  index: TensorIndex,
  specs: readonly WeightSpec[],
  space: WeightSpace,
  finder: KeyScaleFinder,
  signal: AbortSignal,
  tell: (completed: number, total: number) => void,
): Promise<void> {
  const total = specs.reduce((sum, { shape }) => sum + count(shape), 0);
  const bytesEach = specs.reduce((sum, { name }) => sum + sizeOf(index.entry(name)), 0) / total;
  let completed = 0;
  const advance = (numbers: number): void => {
    completed += numbers;
    tell(completed * bytesEach, total * bytesEach);
  };
  for (const [i, { name, type }] of specs.entries()) {
    const { readBlocks, readSuperBlocks } = index;
    /** Reads a piece in some form. @param widen - makes numbers of it, for whom its name is watched */
    const reader =
      <T>(read: (name: string, start: number, end: number) => Promise<T>, widen: (piece: T) => Float32Array) =>
      async (start: number, end: number): Promise<T> => {
        signal.throwIfAborted();
        const piece = await read(name, start, end);
        if (finder.watches(name)) finder.observe(name, start, widen(piece));
        advance(end - start);
        return piece;
      };
    // What the checkpoint has in blocks of this very type stays as it is.
    const isKept = index.blockType?.(name) === type;
    const source = {
      read: reader(index.readFloat32, (numbers) => numbers),
      readBlocks: isKept && readBlocks ? reader(readBlocks, numbersOf) : undefined,
      readSuperBlocks:
        isKept && readSuperBlocks && (type === "q4_k" || type === "q6_k")
          ? reader(readSuperBlocks, (bytes) => widenSuperBlocks(type, bytes))
          : undefined,
    };
    await space.fill(i, source).catch((error: unknown) => {
      throw namingFile(error, index.entry(name)!.file);
    });
  }
}

const halfBits = new Uint16Array(1);
const half = new Float16Array(halfBits.buffer);

function numbersOf({ scales, integers }: TensorBlocks): Float32Array {
  const numbers = new Float32Array(integers.length);
  const length = integers.length / scales.length;
  for (const [block, bits] of scales.entries()) {
    halfBits[0] = bits;
    const scale = half[0]!;
    for (let i = block * length; i < (block + 1) * length; i++) numbers[i] = scale * integers[i]!;
  }
  return numbers;
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function sizeOf(entry: { readonly start: number; readonly end: number } | undefined): number {
  return entry ? entry.end - entry.start : 0;
}
