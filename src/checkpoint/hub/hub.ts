import type { CheckpointFiles } from "../files.ts";
import type { ModelId } from "./model-id.ts";

/** A model of the Hub in the cache on disk. */
export interface HubModel {
  /** As it can be given again: `Qwen/Qwen2-0.5B-Instruct@v1`. */
  readonly id: string;
  readonly repository: string;
  readonly revision: string;
  /** The commit that the revision was when it was last asked for; 40 hexadecimal digits. */
  readonly commit: string;
  /** Of the snapshot's folder, or of the GGUF file in it. */
  readonly path: string;
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Of all these files. */
  readonly bytes: number;
}

/** A download that is about to begin. */
export interface DownloadPlan extends HubModel {
  /** Still to be downloaded; what an earlier attempt left is not counted. */
  readonly missingBytes: number;
  /** The host that is asked. */
  readonly host: string;
}

/** How a model is downloaded. */
export interface PullOptions {
  /** What was given for the id, where it may have been meant as a path: where nothing is known of the id, that there is no such path is said, too. */
  readonly path?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told before anything is transferred. What it throws ends the download. */
  readonly onPlan?: ((plan: DownloadPlan) => void | Promise<void>) | undefined;
  /** Bytes on the disk, of all that are needed. */
  readonly onProgress?: ((completed: number, total: number) => void) | undefined;
}

/** What the cache holds. */
export interface HubListing {
  /** The cache's folder; it may not exist yet. */
  readonly folder: string;
  /** Bytes that all models take on the disk. */
  readonly bytes: number;
  readonly models: readonly ListedModel[];
}

/** A repository in the cache. */
export interface ListedModel {
  readonly repository: string;
  /** On the disk; what several revisions share is counted once. */
  readonly bytes: number;
  /** Of these, parts of files that are not complete. */
  readonly unfinishedBytes: number;
  /** The one that changed last comes first. */
  readonly revisions: readonly ListedRevision[];
}

export interface ListedRevision {
  readonly commit: string;
  /** Branches and tags that were this commit when they were last asked for. */
  readonly names: readonly string[];
  readonly path: string;
  readonly bytes: number;
  readonly files: readonly { readonly name: string; readonly size: number }[];
  readonly modified: Date;
}

/** What was removed. */
export interface RemovedModel {
  /** Of the files that no other revision needs. */
  readonly files: number;
  /** What that frees: nothing of what repositories share. */
  readonly bytes: number;
}

/** A model in the cache, or why it cannot be loaded from there. */
export type FoundModel =
  | {
      readonly model: HubModel;
      /**
       * False: a small file is not there (a tokenizer, generation settings), and nothing says that the repository has none; or a GGUF file was taken that
       * nobody chose, and the repository may have safetensors files, which the id would mean.
       */
      readonly isComplete: boolean;
      /** Says that, where it is the second. */
      readonly doubt?: string;
    }
  | { readonly missing: string };

/** A model's files as they lie on the Hub. */
export interface OpenedModel {
  readonly files: CheckpointFiles;
  /** Of a GGUF model: its file, or its parts in their order; empty otherwise. */
  readonly gguf: readonly string[];
}

/** The Hub and its cache on disk. */
export interface Hub {
  readonly endpoint: string;
  /** The cache's folder. */
  readonly folder: string;
  /** The variable of the environment that says that nothing is requested, if one does. */
  readonly offline: string | undefined;
  /** Looks into the cache only. */
  find(id: ModelId): Promise<FoundModel>;
  /** Downloads what is missing. @throws HubError; the signal's reason */
  pull(id: ModelId, options: PullOptions): Promise<HubModel>;
  /**
   * Opens a model's files as they lie on the Hub, and keeps nothing.
   *
   * @param signal - ends what is read of them, too
   * @throws HubError, CheckpointError, ...; the signal's reason
   */
  open(id: ModelId, signal?: AbortSignal): Promise<OpenedModel>;
  list(): Promise<HubListing>;
  /**
   * @param everything - all of the repository, whatever the id's revision
   * @throws HubError `not_cached` when there is no such model, `busy` while a process downloads it
   */
  remove(id: ModelId, everything: boolean): Promise<RemovedModel>;
}
