import { CheckpointError } from "./errors.ts";

/** A configuration nested deeper than this is not one. */
const DEPTH_LIMIT = 64;

/** What a tensor adds to a fingerprint: its name, its shape, and SHA-256 of its numbers as float32, in hexadecimal. */
export interface TensorDigest {
  readonly name: string;
  readonly shape: readonly number[];
  readonly digest: string;
}

/** Browsers offer SHA-256 only to pages served over https or from localhost. */
export function canFingerprint(): boolean {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  return subtle !== undefined;
}

/** @param data - copied before this returns */
export async function digestTensor(
  name: string,
  shape: readonly number[],
  data: Float32Array<ArrayBuffer>,
): Promise<TensorDigest> {
  return { name, shape, digest: await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) };
}

/**
 * A model's identity, in hexadecimal: SHA-256 over its configuration and the digests of its tensors. It does not depend on how the tensors
 * are spread over files, nor on the order of keys; a checkpoint in bfloat16 and its exact copy in float32 are one model.
 *
 * @param config - the configuration as JSON
 */
export async function fingerprintModel(config: unknown, tensors: readonly TensorDigest[]): Promise<string> {
  const sorted = tensors
    .map(({ name, shape, digest }) => [name, shape, digest] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return await sha256(new TextEncoder().encode(JSON.stringify([sortKeys(config, 0), sorted])));
}

/** The value with every object's keys in one order. */
function sortKeys(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH_LIMIT) {
    throw new CheckpointError("invalid_checkpoint", `The configuration is nested more than ${DEPTH_LIMIT} deep`);
  }
  if (Array.isArray(value)) return value.map((item) => sortKeys(item, depth + 1));
  // Pairs, not an object: there, keys that look like numbers come first, and `__proto__` is no key.
  return {
    keys: Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item, depth + 1)]),
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
