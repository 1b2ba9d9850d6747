import type { RotaryRows } from "../position/index.ts";

/** How the numbers of the key/value cache are kept. */
export type CacheType = "f32" | "f16";

/** How weights are kept in memory. */
export type WeightType = "f32";

/** A matrix of one step, [rows, columns]; what it holds is the backend's business. Valid until {@link Backend.endStep}. */
export interface Tensor {
  readonly rows: number;
  readonly columns: number;
}

/** A tensor of the checkpoint in the backend's own form; it lives as long as the backend. */
export interface Weight {
  readonly shape: readonly number[];
}

/** The consecutive rows of a step that belong to one sequence, and where its cached keys and values are. */
export interface Segment {
  /** Index of the first of these rows in the step's tensors. */
  readonly firstRow: number;
  /** How many rows, one a token. */
  readonly rows: number;
  /** Position of the first row: the number of tokens that the sequence has before it. */
  readonly firstPosition: number;
  /** The sequence's blocks in order: block i holds the positions from i · blockTokens. Room for the new rows included. */
  readonly blocks: readonly number[];
}

/** The shape of a key/value cache. */
export interface CacheLayout {
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  /** Tokens in one block. */
  readonly blockTokens: number;
  readonly type: CacheType;
}

/**
 * Key/value blocks in the backend's memory. A block holds `blockTokens` tokens of every layer. Counting who uses a block is
 * not the store's concern (see `cache/`).
 */
export interface BlockStore {
  readonly layout: CacheLayout;
  readonly bytesPerBlock: number;
  /** @returns the number of a block that nobody has; what is in it is undefined. */
  allocate(): number;
  free(block: number): void;
  copy(from: number, to: number): void;
  /**
   * Turns the cached keys of the block's first tokens, in all layers.
   * @param turn - one row a token: cosine and sine of the angle to turn *by*, the ratio of attention scalings multiplied in
   */
  rerotate(block: number, turn: RotaryRows): void;
  /** @returns the first `tokens` tokens as little-endian numbers, [layers, 2 (keys, values), keyValueHeads, tokens, headDim]. */
  export(block: number, tokens: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The inverse of {@link BlockStore.export}. */
  import(block: number, tokens: number, bytes: Uint8Array): void;
}

/**
 * The operations that a decoder needs. They only *enqueue*: a tensor may be passed on at once, and `read` waits for its numbers, so
 * that a GPU fits behind this. A row's bits depend only on that row's inputs, never on the rows beside it. All are plain functions:
 * they may be taken out of the object.
 */
export interface Backend {
  readonly name: string;

  /** Takes a tensor of the checkpoint over. `data` may be kept and must not be changed afterwards. */
  readonly upload: (shape: readonly number[], data: Float32Array) => Weight;
  readonly createBlockStore: (layout: CacheLayout) => BlockStore;

  /** @returns the rows of `weight` for these tokens, [tokens, hidden] */
  readonly embed: (weight: Weight, tokens: Uint32Array) => Tensor;
  /** @returns x · weightᵀ + bias, [rows, out] for a weight [out, in] */
  readonly linear: (x: Tensor, weight: Weight, bias?: Weight) => Tensor;
  /** Root-mean-square norm of every group of `weight.shape[0]` columns (a whole row, or each head of it). */
  readonly rmsNorm: (x: Tensor, weight: Weight, epsilon: number) => Tensor;
  /**
   * Rotates each head of x, [rows, heads · headDim], by its row's angles, in Hugging Face's layout: channel j turns with channel
   * j + pairs; channels from 2 · pairs on are left alone.
   */
  readonly rotate: (x: Tensor, headDim: number, rotary: RotaryRows) => Tensor;
  /** Puts rows of rotated keys and of values, [rows, keyValueHeads · headDim], at their positions in the cache. */
  readonly writeCache: (
    store: BlockStore,
    layer: number,
    keys: Tensor,
    values: Tensor,
    segments: readonly Segment[],
  ) => void;
  /** Causal attention of queries, [rows, heads · headDim], over the cached positions up to and including their own. */
  readonly attention: (
    queries: Tensor,
    store: BlockStore,
    layer: number,
    segments: readonly Segment[],
    scale: number,
  ) => Tensor;
  /** @returns silu(gate) · up, element by element */
  readonly gatedSilu: (gate: Tensor, up: Tensor) => Tensor;
  readonly add: (a: Tensor, b: Tensor) => Tensor;
  readonly takeRows: (x: Tensor, rows: Uint32Array) => Tensor;

  /** Waits until x is computed. @returns its numbers, row by row; the caller's to keep. */
  readonly read: (x: Tensor) => Promise<Float32Array<ArrayBuffer>>;
  /** Ends a step: all its tensors become invalid and their memory may be used again. */
  readonly endStep: () => void;
}
