import type { CheckpointFiles } from "../checkpoint/files.ts";
import type { Hub } from "../checkpoint/hub/hub.ts";
import type { OwnerPort, WorkerHandle } from "./channel.ts";
import type { KeepWeights } from "./keep-weights.ts";
import type { SourceDescription } from "./source.ts";
import type { WeightCache } from "./weight-cache.ts";

/** A file that appears at its path whole, or not at all. */
export interface AtomicFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Puts the file in its place. */
  commit(): Promise<void>;
  /** Throws away what was written. */
  discard(): Promise<void>;
}

/** A folder that appears at its path whole, or not at all. */
export interface AtomicFolder {
  /** @param name - with `/` between parts */
  createFile(name: string): Promise<{ write(bytes: Uint8Array): Promise<void>; close(): Promise<void> }>;
  /** Puts the folder in its place; all files have to be closed. */
  commit(): Promise<void>;
  /** Throws away what was written. */
  discard(): Promise<void>;
}

/**
 * Opens a model's files, or an adapter's. `#platform` exports it beside {@link Platform}: what reads files from a server is not for a page, which leaves that to
 * its workers.
 *
 * @param content - what is looked for, for messages that say what to give; a model unless given
 * @param signal - ends what is asked for before the files are open, which in a page is nothing; after that, closing them does
 * @throws SkeinError (code `not_found`, ...) when there is nothing to open
 */
export type OpenSource = (
  source: SourceDescription,
  content?: "adapter",
  signal?: AbortSignal,
) => Promise<CheckpointFiles>;

/**
 * What differs between Node and a browser. `#platform` in package.json names the implementation, behind the `browser` condition.
 */
export interface Platform {
  /** Inside a worker: the way to its owner. */
  readonly ownerPort: () => OwnerPort;
  /** @returns whether there is a folder or file of this name, so that a path wins over the name of a model */
  readonly exists: (path: string) => Promise<boolean>;
  /** The Hub as the environment says it now; undefined where there is no disk to keep models on. */
  readonly openHub: (() => Promise<Hub>) | undefined;
  /**
   * @param mode - access rights of a new file, less what the user's mask takes away; its owner's alone unless given
   * @param overwrite - whether a file that comes to stand there meanwhile is replaced; true unless given
   */
  readonly createFile: (path: string, mode?: number, overwrite?: boolean) => Promise<AtomicFile>;
  readonly openFile: (path: string) => Promise<Blob>;
  /** Undefined where there is no disk. */
  readonly weightCache: WeightCache | undefined;
  /** Keeps repacked weights in that cache. */
  readonly keepWeights: KeepWeights | undefined;
}

/**
 * How workers are started, and told of paths; `#workers` in package.json names the implementation. It stands apart from {@link Platform} because workers need
 * that too: a worker whose own code names workers cannot be bundled.
 */
export interface Workers {
  readonly spawnEngineWorker: () => WorkerHandle;
  readonly spawnTextWorker: () => WorkerHandle;
  /** What reads GGUF files for the other workers; undefined where they do it themselves, their reader being a file that they fetch when they need it. */
  readonly spawnGgufWorker: (() => WorkerHandle) | undefined;
  /** Undefined where there are no files to write. */
  readonly spawnQuantizeWorker: (() => WorkerHandle) | undefined;
  /** Undefined where there are no folders to write. @param folder - that it may write */
  readonly spawnMergeWorker: ((folder: string) => WorkerHandle) | undefined;
  /** What a worker is told in the place of a path: its own address is another than the page's. Undefined where paths are those of a disk. */
  readonly pageAddress: ((path: string) => string) | undefined;
  /** In Node a process. */
  readonly spawnTemplateWorker: () => WorkerHandle;
}
