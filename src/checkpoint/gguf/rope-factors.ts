import { CheckpointError } from "../errors.ts";
import type { CheckpointFiles } from "../files.ts";
import type { GgufHeader } from "./header.ts";

/** The tensor of what each pair's frequency is divided by. */
export const ropeFactorsName = "rope_freqs.weight";

const mostPairs = 4096;

/**
 * Reads `rope_freqs.weight`, as files of Llama 3.1 and later have it.
 *
 * @returns undefined where there is none
 * @throws CheckpointError when it cannot be what it is to be
 */
export async function readRopeFactors(
  files: CheckpointFiles,
  { tensors }: GgufHeader,
): Promise<Float32Array | undefined> {
  const tensor = tensors.find(({ name }) => name === ropeFactorsName);
  if (tensor === undefined) return undefined;
  const { file, type, shape, start, end } = tensor;
  const bytes =
    shape.length === 1 && type === "F32" && end - start <= 4 * mostPairs
      ? await files.read(file, start, end)
      : undefined;
  const factors = bytes && new Float32Array(bytes.slice().buffer);
  if (factors?.every((factor) => factor > 0 && factor < Infinity)) return factors;
  throw new CheckpointError(
    "invalid_checkpoint",
    `${ropeFactorsName} in ${file} must be numbers above 0, one for each pair of a head`,
  );
}

/** The numbers of llama3 scaling, by their names in a `rope_scaling` block. */
export interface Llama3Numbers {
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/** What all published models with such factors were trained with. */
const published = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 } as const;

/**
 * The factors as a `rope_scaling` block: llama3 scaling where its formula gives these very factors, else the factors one by one. (Such a list is what longrope
 * has for short and for long sequences; here both are the same.)
 *
 * @param theta - the base of the frequencies
 * @param window - `max_position_embeddings`, in tokens
 */
export function scalingOfFactors(factors: Float32Array, theta: number, window: number): object {
  const factor = factors.reduce((most, value) => Math.max(most, value), 1);
  const expected = llama3Factors(factors.length, theta, { factor, ...published });
  // The converter computes in float32, step by step: some roundings where pairs are blended, none elsewhere.
  const isLlama3 = factors.every((value, pair) => {
    const exact = expected[pair]!;
    return value === exact || (exact !== 1 && exact !== factor && Math.abs(value / exact - 1) < 2 ** -20);
  });
  if (isLlama3 && factor > 1) return { rope_type: "llama3", factor, ...published };
  const list = Array.from(factors);
  return {
    rope_type: "longrope",
    factor: 1,
    attention_factor: 1,
    original_max_position_embeddings: window,
    short_factor: list,
    long_factor: list,
  };
}

/**
 * What llama3 scaling divides the frequency of each pair by.
 *
 * @param theta - the base of the frequencies
 * @see llama.cpp `convert_hf_to_gguf.py`, `LlamaModel.generate_extra_tensors`
 */
export function llama3Factors(pairs: number, theta: number, numbers: Llama3Numbers): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: window } = numbers;
  return Array.from({ length: pairs }, (_, pair) => {
    const wavelength = 2 * Math.PI * theta ** (pair / pairs);
    if (wavelength < window / high) return 1;
    if (wavelength > window / low) return factor;
    const smooth = (window / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
