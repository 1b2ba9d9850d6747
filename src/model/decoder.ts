import type { Segment, Tensor, Weight } from "../backend/backend.ts";
import type { RotaryRows } from "../position/index.ts";
import type { AdapterMatrices } from "./adapter/adapted-decoder.ts";

/** One step of a decoder: rows of one or several sequences, computed together. */
export interface DecoderStep {
  /** One token a row. */
  readonly tokens: Uint32Array;
  /** Which rows belong together; they cover all rows in order. */
  readonly segments: readonly Segment[];
  /** Cosine and sine of each row's angles, under its own sequence's encoding, [rows, pairs]. */
  readonly rotary: RotaryRows;
  /** The rows whose logits are wanted, ascending. */
  readonly outputRows: Uint32Array;
  /** The adapter of each segment; absent when none has one. */
  readonly adapters?: readonly (AdapterMatrices | undefined)[] | undefined;
}

/**
 * A decoder of one family with its weights.
 * @returns logits, [outputRows, vocabulary]; undefined when none are wanted
 */
export type Decoder = (step: DecoderStep) => Tensor | undefined;

/** The weights by their checkpoint names. */
export type Weights = (name: string) => Weight;
