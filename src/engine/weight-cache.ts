import type { FileIdentity } from "../checkpoint/identity.ts";

/**
 * Weights as a backend holds them, quantised and repacked, kept on disk: the next start reads them straight into their place. A cache is a
 * convenience: whatever is damaged, missing or in the way, `open` and `create` then answer `undefined`, and the model is loaded from its source.
 * What they do throw is an InvalidOptionError, for a setting of the user's that cannot be followed.
 */
export interface WeightCache {
  /** @returns the entry of this key, if there is a whole one; to be closed */
  open(key: WeightCacheKey): Promise<CachedWeights | undefined>;
  /**
   * Begins a new entry, in place of the one of the same source and format.
   *
   * @param expectedBytes - how many will be written; older entries make room for them
   * @returns undefined when nothing may or can be written: turned off, larger than the limit, no space, no permission
   */
  create(key: WeightCacheKey, expectedBytes: number): Promise<WeightCacheWriter | undefined>;
  /** @throws SkeinError (code `read_failed`) where the folder may not be read */
  list(): Promise<WeightCacheListing>;
  /**
   * @param source - the folder of a model, as listed or as a path to it; without it everything is removed, also what is being written
   * @throws SkeinError (code `read_failed`) where the folder may not be read, (code `write_failed`) where something cannot be removed, when all else is
   */
  clear(source?: string): Promise<ClearedWeights>;
}

/** What an entry is found by. */
export interface WeightCacheKey {
  /** What the user would recognise: the real path of the model's folder. */
  readonly source: string;
  /** Every file that the weights come from, the configuration included, as they were before they were read. The order does not matter. */
  readonly files: readonly FileIdentity[];
  /** What the bytes are: the backend, its layout's version, the weight type. Any text; people see it in `skein cache`. */
  readonly format: string;
}

/**
 * An entry that is open for reading, and is to be closed: Node ends a process that loses hold of an open file. It stays readable when it is removed
 * from the cache meanwhile.
 */
export interface CachedWeights {
  /** What was given to `commit`, as JSON; its fields are to be checked as those of any file. */
  readonly header: unknown;
  /** What was written, in bytes; the header is not counted. */
  readonly byteLength: number;
  /**
   * Reads straight into memory, several large pieces at a time. When the promise is rejected, nothing writes into `target` any more.
   *
   * @param offset - bytes from the beginning of what was written
   * @param target - may be a view of shared memory, WebAssembly's too
   * @throws SkeinError `read_failed` when the range is not inside the entry, or the disk does not give it
   */
  read(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * An entry that is being written, and is to be ended by `commit` or `discard`, also when the load fails. No method throws for what happens on the
 * disk: the writer then removes its file and does nothing from there on. Calls are worked off in their order; they need not be awaited one by one.
 */
export interface WeightCacheWriter {
  /** Appends. @param bytes - may be a view of shared memory; not to be changed before the promise settles */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Puts the entry into its place once all of it is on the disk, which may take as long as the disk takes to write it.
   *
   * @param header - for JSON
   */
  commit(header: object): Promise<void>;
  /** Throws away what was written; after `commit` it does nothing. */
  discard(): Promise<void>;
}

/** What the disk holds of models' repacked weights. */
export interface WeightCacheListing {
  /** The cache's folder; it may not exist yet. Null where there is no place for one. */
  readonly folder: string | null;
  /** What the entries may take together, in bytes; 0 when the cache is turned off. */
  readonly limit: number;
  /** What is taken, in bytes, unusable files included. */
  readonly bytes: number;
  /** Last used first. */
  readonly entries: readonly WeightCacheEntry[];
  /** Files of the cache that are of no use: damaged, of another version, or not finished, perhaps because they are being written. */
  readonly unusable: { readonly files: number; readonly bytes: number };
}

/** A model's weights in one format. */
export interface WeightCacheEntry {
  /** The model's folder. */
  readonly source: string;
  /** Backend, layout and weight type. */
  readonly format: string;
  readonly bytes: number;
  readonly lastUsed: Date;
}

/** What was removed. */
export interface ClearedWeights {
  readonly files: number;
  readonly bytes: number;
}
