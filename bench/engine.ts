import type { Usage } from "./usage.ts";

/** What is measured: Skein, or a peer. One process holds one engine, and one sequence at a time. */
export interface Engine {
  readonly vocabulary: number;
  /** @returns an empty sequence, with room for as many tokens as the engine was opened for */
  createSequence(): Promise<Sequence>;
  /** @throws Error when the file is damaged, or of another model or setting */
  restoreSequence(path: string): Promise<Sequence>;
  /** Waits for what goes on in the background after a start. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** A token stream with its cache. */
export interface Sequence {
  /** Computes tokens, without any logits. @param onProgress - is told how many are done */
  append(tokens: readonly number[], onProgress: (completed: number) => void): Promise<void>;
  /**
   * Appends one token and generates greedily from there; tokens that end a text do not end this.
   * @param count - how many tokens to generate
   * @param onToken - called as each comes
   */
  generate(first: number, count: number, onToken: (token: number) => void): Promise<void>;
  /** Forgets the tokens from `length` on. */
  truncate(length: number): Promise<void>;
  save(path: string): Promise<void>;
  release(): Promise<void>;
}

/** How an engine is opened. */
export interface EngineOptions {
  /** Its model: a folder or a file. */
  readonly model: string;
  readonly threads: number;
  /** The most tokens that a sequence will have. */
  readonly room: number;
}

/** What one process measures. */
export type Task =
  /** From the start of loading to the first token: memory that is mapped, and not read, is not loaded yet. */
  | { readonly kind: "load" }
  /** Reading a prompt. */
  | PrefillTask
  /** Token after token behind a text. */
  | DecodeTask
  /** Both, at several depths of one text. */
  | GrowthTask;

export interface PrefillTask {
  readonly kind: "prefill";
  readonly tokens: number;
  /** Keeps what was read, for decoding behind it. */
  readonly save: SavedText | undefined;
}

export interface DecodeTask {
  readonly kind: "decode";
  /** The text before the tokens that are generated: restored as far as it was saved before, read and saved where not. */
  readonly text: SavedText;
  /** The most tokens of a saved text that may be restored in its place. */
  readonly longest?: number;
  /** A shorter saved text may be restored and read on. */
  readonly fromShorter?: boolean;
  /** Tokens that are read after the text in any case. */
  readonly readOn?: number;
}

export interface GrowthTask {
  readonly kind: "growth";
  /** Depths, ascending. */
  readonly lengths: readonly number[];
  /** The longest text that leaves room for an answer: kept, for decoding behind it. */
  readonly save: SavedText;
}

/** The beginning of the random tokens, of this length. */
export interface SavedText {
  readonly length: number;
  /** Absent: too short to be worth a file. */
  readonly path: string | undefined;
}

/** What a process found. */
export interface Measurement {
  /** Of the engine and the first token. */
  readonly loadSeconds: number;
  /** Tokens a second, one for each repetition; none of a `load`. */
  readonly rates: readonly number[];
  /** The most memory that the process ever had. */
  readonly peakBytes: number;
  /** While it was measured, what had to be read before included; absent of a `load`, which is all there was. */
  readonly usage?: Usage;
  /** Of a `growth`: depth by depth. */
  readonly growth?: readonly Depth[];
}

/** What was found at one depth of a text. */
export interface Depth {
  readonly tokens: number;
  /** To read the text up to here. */
  readonly seconds: number;
  /** Tokens a second behind it. */
  readonly decodeRate: number;
}
