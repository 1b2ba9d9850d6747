import type { RotaryRows } from "../position/index.ts";

/** How the numbers of the key/value cache are kept; q8: in 8 bits, except those of the block that is being filled. */
export type CacheType = "f32" | "f16" | "q8";

/** How the weights of matrices are kept in memory; q8 and q4: in 8 and 4 bits, with a float16 scale to 32 inputs. */
export type WeightType = "f32" | "f16" | "bf16" | "q8" | "q4";

/** ggml's Q4_K and Q6_K: super-blocks of 256 inputs. Nothing is quantised to them here; a checkpoint has them, or not. */
export type SuperBlockType = "q4_k" | "q6_k";

/** All ways in which a matrix may be kept. */
export type MatrixType = WeightType | SuperBlockType;

/** A matrix of one step, [rows, columns]; what it holds is the backend's business. Valid until {@link Backend.endStep}. */
export interface Tensor {
  readonly rows: number;
  readonly columns: number;
}

/** A tensor of the checkpoint in the backend's own form; it lives as long as the backend, or until its space is freed. */
export interface Weight {
  readonly shape: readonly number[];
}

/** A tensor that the backend shall hold. */
export interface WeightSpec {
  readonly name: string;
  /** [outputs, inputs], or [width] */
  readonly shape: readonly number[];
  /** Of a matrix; vectors are kept as f32. Rows of super-blocks are whole ones. */
  readonly type: MatrixType;
  /** That activations which meet a matrix of q4 should be quantised finely: others are quantised in one way, or not at all. */
  readonly isFine?: boolean;
}

/** Numbers of a tensor in blocks of 32 of a row, each a scale times an integer. */
export interface WeightBlocks {
  /** The bits of a float16 for each block. */
  readonly scales: Uint16Array;
  /** One for each number: -8 to 7 for q4, -128 to 127 for q8. */
  readonly integers: Int8Array;
}

/** Where a tensor's numbers come from. */
export interface WeightSource {
  /** @returns the numbers from `start` to `end`, row by row; the caller's to keep */
  read(start: number, end: number): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The same numbers as they are in the checkpoint, where this has them in blocks of the tensor's own type: they are kept as they are. Rows are whole blocks.
   */
  readonly readBlocks?: ((start: number, end: number) => Promise<WeightBlocks>) | undefined;
  /** The same numbers in ggml's super-blocks, byte for byte. Sources of tensors of such a type have this. */
  readonly readSuperBlocks?: ((start: number, end: number) => Promise<Uint8Array>) | undefined;
}

/** Room for all weights of a model. */
export interface WeightSpace {
  /** In the order of the specs; usable when they have been filled. */
  readonly weights: readonly Weight[];
  /**
   * Takes a tensor over, piece by piece.
   * @throws UnsupportedError when its type cannot hold its numbers
   */
  fill(index: number, source: WeightSource): Promise<void>;
  /** The bytes of one weight as the backend holds it, which may be a view of its memory; they tell whether two models are the same. */
  contents(index: number): Uint8Array;
  /** Gives the memory back; no tensor may be computed with these weights afterwards. */
  free(): void;
  /** All weights as the backend holds them, for keeping them on a disk: who writes the same bytes here, part by part, has filled them. */
  readonly packed?: {
    /** Says what the bytes are; those of another format are of no use. */
    readonly format: string;
    /** Views of the backend's memory. Their lengths may differ from space to space, their sum does not. */
    readonly parts: readonly Uint8Array<ArrayBuffer>[];
  };
}

/** The consecutive rows of a step that belong to one sequence, and where its cached keys and values are. */
export interface Segment {
  /** Index of the first of these rows in the step's tensors. */
  readonly firstRow: number;
  /** How many rows, one a token. */
  readonly rows: number;
  /**
   * How many of these rows, the first ones, are certain to stay; at least 1. The rest are guesses: the sequence's next segment begins at or
   * before the first of them that was wrong, and writes there anew. So all before `firstPosition` is certain, also what was written as a guess.
   * Guesses never leave the block of the last certain row: all blocks before theirs are certain.
   */
  readonly final: number;
  /** Position of the first row: the number of tokens that the sequence has before it. */
  readonly firstPosition: number;
  /** The sequence's blocks in order: block i holds the positions from i · blockTokens. Room for the new rows included. */
  readonly blocks: readonly number[];
}

/** Two narrow matrices whose product, up · down, is added to a weight. */
export interface LowRankPair {
  /** [rank, inputs] */
  readonly down: Weight;
  /** [outputs, rank] */
  readonly up: Weight;
}

/** Consecutive rows of a step, and what they are to have besides the weight that all rows share. */
export interface LowRankRows {
  readonly firstRow: number;
  readonly rows: number;
  readonly pair: LowRankPair;
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

/** How a quantised cache meets heads whose channels are very uneven. */
export interface KeyScales {
  /**
   * Powers of two that keys are multiplied by before they are cached, and queries divided by, [layers, keyValueHeads, headDim]; the two channels of a
   * rotated pair have the same.
   */
  readonly multipliers: Float32Array;
  /** 1 for heads whose queries are to be quantised more finely, [layers, keyValueHeads]. */
  readonly fineHeads: Uint8Array;
}

/**
 * Key/value blocks in the backend's memory. A block holds `blockTokens` tokens of every layer. Counting who uses a block is
 * not the store's concern (see `cache/`).
 */
export interface BlockStore {
  readonly layout: CacheLayout;
  /** Memory of the blocks that are allocated. */
  readonly bytesInUse: number;
  /** @returns the number of a block that nobody has; what is in it is undefined. @throws SkeinError (code `out_of_memory`) */
  allocate(): number;
  free(block: number): void;
  /** @throws SkeinError (code `out_of_memory`) */
  copy(from: number, to: number): void;
  /**
   * How many of a block's first `tokens` tokens are still there as they were computed when later ones are taken back: all, or none, for a cache
   * that has quantised the whole block.
   */
  keepable(block: number, tokens: number): number;
  /**
   * Turns the cached keys of the block's first tokens, in all layers.
   * @param turn - one row a token: cosine and sine of the angle to turn *by*, the ratio of attention scalings multiplied in
   * @throws SkeinError (code `out_of_memory`) when there is none to work with
   */
  rerotate(block: number, turn: RotaryRows): void;
  /**
   * @returns the first `tokens` tokens as little-endian numbers, [layers, 2 (keys, values), keyValueHeads, tokens, headDim]; of a q8 cache in the
   * store's own form
   * @throws SkeinError (code `out_of_memory`) when there is none to work with
   */
  export(block: number, tokens: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * The inverse of {@link BlockStore.export}.
   * @throws SkeinError (codes `invalid_snapshot`, when it is not as many bytes as that gives; `out_of_memory`)
   */
  import(block: number, tokens: number, bytes: Uint8Array): void;
}

/**
 * The operations that a decoder needs. They only *enqueue*: a tensor may be passed on at once, and `read` waits for its numbers, so
 * that a GPU fits behind this. A row's bits depend only on that row's inputs, never on the rows beside it. All are plain functions:
 * they may be taken out of the object.
 */
export interface Backend {
  readonly name: string;

  /** Rows below which a step gets no cheaper by being smaller, or hardly. */
  readonly leastRows: number;
  /** Tokens in a block of the cache. */
  readonly blockTokens: number;

  /** @throws SkeinError (code `out_of_memory`) */
  readonly allocateWeights: (specs: readonly WeightSpec[]) => WeightSpace;
  /**
   * @param keyScales - what a quantised cache does to keys so that a few large channels do not take all the accuracy
   * @throws UnsupportedError for rows that are too long where they would have to lie
   */
  readonly createBlockStore: (layout: CacheLayout, keyScales?: KeyScales) => BlockStore;

  /** @returns the rows of `weight` for these tokens, [tokens, hidden] */
  readonly embed: (weight: Weight, tokens: Uint32Array) => Tensor;
  /** @returns x · weightᵀ + bias + residual, [rows, out] for a weight [out, in] */
  readonly linear: (x: Tensor, weight: Weight, bias?: Weight, residual?: Tensor) => Tensor;
  /**
   * @param y - [rows, out], which is not to be used any more
   * @param x - [rows, in]
   * @param parts - of different rows
   * @returns y, with (x · downᵀ) · upᵀ added in the rows of each part; all other rows keep their bits, and cost nothing
   */
  readonly addLowRank: (y: Tensor, x: Tensor, parts: readonly LowRankRows[]) => Tensor;
  /** Root-mean-square norm of every group of `weight.shape[0]` columns (a whole row, or each head of it). */
  readonly rmsNorm: (x: Tensor, weight: Weight, epsilon: number) => Tensor;
  /**
   * Rotates each head of x, [rows, heads · headDim], by its row's angles, in Hugging Face's layout: channel j turns with channel
   * j + pairs; channels from 2 · pairs on are left alone. What comes of it is for `writeCache` and `attention`.
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
  /**
   * Causal attention of queries, [rows, heads · headDim], over the cached positions up to and including their own.
   * @param window - sliding attention: a row sees this many of them, the last ones; undefined: all
   */
  readonly attention: (
    queries: Tensor,
    store: BlockStore,
    layer: number,
    segments: readonly Segment[],
    scale: number,
    window?: number,
  ) => Tensor;
  /** @returns silu(gate) · up, element by element */
  readonly gatedSilu: (gate: Tensor, up: Tensor) => Tensor;
  readonly takeRows: (x: Tensor, rows: Uint32Array) => Tensor;

  /**
   * Computes what was enqueued; once a step. @returns the numbers of x, row by row; they may lie in the backend's memory, and are valid until the next step's
   * operations are enqueued
   * @throws SkeinError (codes `cancelled`, after `cancelStep`; `out_of_memory`, where a step as large has no room; `internal`)
   */
  readonly read: (x: Tensor) => Promise<Float32Array<ArrayBuffer>>;
  /**
   * Ends a step: computes what is left of it, then all its tensors become invalid and their memory may be used again.
   * @param isWhole - false: what was enqueued is thrown away, and what was computed of it into the cache counts for nothing
   * @throws SkeinError as `read`
   */
  readonly endStep: (isWhole: boolean) => Promise<void>;
  /** Gives the step up that is being computed, between two of its operations. Nothing happens when there is none. */
  readonly cancelStep: () => void;
}
