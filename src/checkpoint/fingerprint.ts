import { SkeinError } from "../errors.ts";
import { CheckpointError } from "./errors.ts";
import type { CheckpointFiles } from "./files.ts";
import type { TensorIndex } from "./tensors.ts";

/** How much of each end of a tensor goes into the fingerprint, in bytes. */
const SAMPLE_BYTES = 4096;

/** Tensors read at the same time: over a network, latency is most of the cost. */
const CONCURRENCY = 16;

/** A configuration nested deeper than this is not one. */
const DEPTH_LIMIT = 64;

/**
 * A checkpoint's identity, in hexadecimal: SHA-256 over its configuration and, for each tensor, its name, type, shape
 * and the first and last 4 KiB of its data. Cheap, also for a large model, and different as soon as one weight matrix was
 * trained further. It does not depend on how the tensors are spread over files, nor on the order of keys.
 *
 * A saved session is tied to it. It tells models apart; it is no proof against somebody who forges one.
 *
 * @param config - the configuration as JSON
 * @throws SkeinError `unsupported` where the browser offers no SHA-256 (a page without https).
 */
export async function fingerprintCheckpoint(
  files: CheckpointFiles,
  index: TensorIndex,
  config: unknown,
): Promise<string> {
  const names = [...index.names].sort();
  const tensors: unknown[] = [];
  for (let first = 0; first < names.length; first += CONCURRENCY) {
    const group = names.slice(first, first + CONCURRENCY);
    tensors.push(...(await Promise.all(group.map((name) => describeTensor(files, index, name)))));
  }
  return await sha256(new TextEncoder().encode(JSON.stringify([sortKeys(config, 0), tensors])));
}

async function describeTensor(files: CheckpointFiles, index: TensorIndex, name: string): Promise<unknown> {
  const entry = index.entry(name);
  if (entry === undefined) throw new CheckpointError("not_found", `${files.label} has no tensor ${name}`);
  const { dtype, shape, file, start, end } = entry;
  if (end - start <= 2 * SAMPLE_BYTES) return [name, dtype, shape, await sha256(await files.read(file, start, end))];
  const sample = new Uint8Array(2 * SAMPLE_BYTES);
  sample.set(await files.read(file, start, start + SAMPLE_BYTES));
  sample.set(await files.read(file, end - SAMPLE_BYTES, end), SAMPLE_BYTES);
  return [name, dtype, shape, await sha256(sample)];
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
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new SkeinError(
      "unsupported",
      "SHA-256 is not available: browsers offer crypto.subtle only to pages served over https or from localhost",
    );
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
