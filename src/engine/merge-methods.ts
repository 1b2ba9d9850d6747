import type { AdapterCall } from "./methods.ts";
import type { MergedModel, Progress } from "./options.ts";
import type { SourceDescription } from "./source.ts";

/** A merge of an adapter into its base. */
export interface MergeCall {
  readonly source: SourceDescription;
  readonly adapter: AdapterCall;
  readonly folder: string;
}

/** The calls that the worker answers which merges. */
export interface MergeMethods {
  merge: { params: MergeCall; event: Progress; result: Omit<MergedModel, "folder"> };
}
