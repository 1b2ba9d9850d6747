import { CheckpointError } from "./errors.ts";

/** A configuration nested deeper than this is not one. */
const DEPTH_LIMIT = 64;

/** Bytes that are digested at a time; a tensor may lie in shared memory, which has to be copied for it. */
const PIECE_BYTES: number = 16 * 2 ** 20;

/** What a tensor adds to a fingerprint: its name, its shape, how its numbers are kept, and a digest of them. */
export interface TensorDigest {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: string;
  /** SHA-256, in hexadecimal, of the SHA-256 of all pieces. */
  readonly digest: string;
}

/** @param bytes - not to be changed until this ends */
export async function digestTensor(
  { name, shape, type }: Omit<TensorDigest, "digest">,
  bytes: Uint8Array,
): Promise<TensorDigest> {
  const digests: string[] = [];
  for (let start = 0; start < bytes.length; start += PIECE_BYTES)
    digests.push(await sha256(bytes.slice(start, start + PIECE_BYTES) as Uint8Array<ArrayBuffer>));
  return { name, shape, type, digest: await sha256(new TextEncoder().encode(digests.join(""))) };
}

/**
 * A model's identity, in hexadecimal: SHA-256 over its configuration and the digests of its tensors as they are in memory, so that a model with
 * quantised weights is another one. It does not depend on how the tensors are spread over files, nor on the order of keys.
 *
 * @param config - the configuration as JSON
 */
export async function fingerprintModel(config: unknown, tensors: readonly TensorDigest[]): Promise<string> {
  const sorted = tensors
    .map(({ name, shape, type, digest }) => [name, shape, type, digest] as const)
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
