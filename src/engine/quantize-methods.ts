import type { FileType } from "../checkpoint/gguf/written-types.ts";
import type { Warning } from "./options.ts";
import type { SourceDescription } from "./source.ts";

/** What is to be written, and where. */
export interface QuantizeCall {
  readonly source: SourceDescription;
  readonly destination: string;
  readonly type: FileType;
  readonly allowRequantize: boolean;
  readonly overwrite: boolean;
}

/** What will be in the file. */
export interface QuantizePlan {
  /** Of the whole file. */
  readonly bytes: number;
  /** The tensors' bytes in the source. */
  readonly sourceBytes: number;
  /** How many tensors there are of each type. */
  readonly tensors: Readonly<Record<string, number>>;
  /** Matrices that are F16 because their rows are no whole blocks. */
  readonly fallbacks: readonly string[];
  /** What llama.cpp does otherwise than the model. */
  readonly warnings: readonly Warning[];
}

/** The calls that the worker answers which quantises a model. */
export interface QuantizeMethods {
  plan: { params: QuantizeCall; event: never; result: QuantizePlan };
  /** The file's next bytes; undefined after the last. */
  next: { params: undefined; event: never; result: Uint8Array<ArrayBuffer> | undefined };
}
