import type { Backend, Segment } from "../../backend/backend.ts";
import { nextTask } from "../../backend/next-task.ts";
import { SkeinError } from "../../errors.ts";
import type { Decoder, DecoderStep } from "../../model/decoder.ts";
import { rotaryRows } from "../../position/index.ts";
import type { Sequence } from "./sequence.ts";

/** What one sequence wants computed: all its tokens that are not cached yet. */
export interface Computation {
  readonly sequence: Sequence;
  /**
   * Tokens that may follow the sequence's own: computed in the same step as its last one, as many of them as the step has room for. They do not
   * count as cached; whoever finds them right counts them.
   */
  readonly guesses?: readonly number[];
  /** The first and the last position whose logits are wanted, guesses included; none by default. */
  readonly wanted?: { readonly from: number; readonly to: number };
  /** Receives the logits of each wanted position in turn, [vocabulary]; valid until the next task, which may be another step. */
  readonly onLogits?: (logits: Float32Array, position: number) => void;
  /** Told after every step how many tokens of the sequence are cached. */
  readonly onStep?: (cached: number) => void;
  readonly signal?: AbortSignal;
}

interface Entry extends Computation {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Part {
  readonly entry: Entry;
  readonly start: number;
  /** Rows, guesses included. */
  readonly count: number;
  /** The first of them, which are the sequence's own tokens. */
  readonly final: number;
}

/** How long a step should take that several sequences share: short enough that a newcomer waits no longer than people notice. */
const sharedMilliseconds = 80;
/** How long a step should take that a sequence has for itself: long steps read the weights less often. */
const ownMilliseconds = 800;
/**
 * The least rows of such a step, by those of the backend: a large model computes fewer in that time, and would read and expand all its weights for each
 * few (7B: 14 tokens a second by 20 rows, 16.5 by 128).
 */
const ownLeastRows = 6;
const mostRows = 1024;
const mostSequences = 256;
/** Guesses that a step has room for in any case, above its other rows: a row beside others costs much less than a step of its own. */
const guessRows = 32;
/** The most memory that the logits of one step may take. */
const logitsBytes = 64 * 2 ** 20;

/**
 * Runs the decoder. Everything that waits is computed together: each step takes rows of all sequences, single tokens and pieces of long
 * prompts side by side. Between steps the worker hears its owner.
 */
export class Scheduler {
  readonly #decoder: Decoder;
  readonly #backend: Backend;
  readonly #vocabulary: number;
  #queue: Entry[] = [];
  /** What is to be done between two steps. */
  #waiting: (() => Promise<void>)[] = [];
  #running = false;
  /** Rows a millisecond, and how many they were, of the last step that says something about large ones. */
  #speed = 16 / sharedMilliseconds;
  #measuredRows = 8;
  /** Steps run so far, and the rows in them: shows that concurrent calls share steps. */
  steps = 0;
  rows = 0;

  constructor(decoder: Decoder, backend: Backend, vocabulary: number) {
    this.#decoder = decoder;
    this.#backend = backend;
    this.#vocabulary = vocabulary;
  }

  /**
   * Computes what the sequence lacks. It must not be changed until this ends.
   * @throws the signal's reason; what has been computed by then stays cached
   */
  compute(computation: Computation): Promise<void> {
    if (computation.sequence.cache.length === computation.sequence.length) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...computation, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  /** Does what needs the backend for itself: between two steps. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject));
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      await nextTask();
      for (const work of this.#waiting.splice(0)) await work();
      this.#dropAborted();
      const parts = this.#choose();
      if (parts.length === 0) {
        // Those that were chosen may all have been refused, and others still wait.
        if (this.#queue.length + this.#waiting.length > 0) continue;
        break;
      }
      try {
        await this.#step(parts);
      } catch (error) {
        // Given up for the sake of those that are aborted; the others do it again.
        if (error instanceof SkeinError && error.code === "cancelled") continue;
        // What one sequence wants too much, the others shall not suffer for.
        const isTooMuch = error instanceof SkeinError && error.code === "out_of_memory";
        for (const { entry } of isTooMuch ? [largestOf(parts)] : parts) this.#finish(entry, () => entry.reject(error));
      }
    }
    this.#running = false;
  }

  #dropAborted(): void {
    for (const entry of this.#queue.filter(({ signal }) => signal?.aborted)) {
      this.#finish(entry, () => entry.reject(entry.signal?.reason));
    }
  }

  /** Every sequence gets at least one row; those that lack more share the rest of the step evenly, and else those that have guesses do. */
  #choose(): Part[] {
    const queue = this.#queue.slice(0, mostSequences);
    const sequences = queue.length;
    const spare = Math.max(0, this.#rowsFor(sequences) - sequences);
    const hungry = queue.filter((entry) => lackedBy(entry) > 1).length;
    const share = 1 + Math.floor(spare / Math.max(1, hungry));
    const parts: Part[] = [];
    let logits = Math.max(1, Math.floor(logitsBytes / (4 * this.#vocabulary)));
    const guessShare = Math.min(
      Math.floor(Math.max(guessRows, hungry > 0 ? 0 : spare) / sequences),
      Math.max(0, Math.floor(logits / sequences) - 1), // they take no room from others' logits
    );
    let later = sequences;
    for (const entry of queue) {
      const start = entry.sequence.cache.length;
      const lacked = lackedBy(entry);
      let count = Math.min(share, lacked);
      if (count === lacked) count += Math.min(guessesOf(entry), guessShare);
      const room = Math.min(logits, Math.max(1, logits - --later)); // those that come later get one each
      if (wantedIn(entry, start, count) > room) count = Math.max(0, entry.wanted!.from - start) + room;
      if (count === 0) continue; // its logits come in a later step
      try {
        entry.sequence.cache.reserve(count);
        logits -= wantedIn(entry, start, count);
        parts.push({ entry, start, count, final: Math.min(count, lacked) });
      } catch (error) {
        this.#finish(entry, () => entry.reject(error));
      }
    }
    return sideBySide(parts);
  }

  async #step(parts: readonly Part[]): Promise<void> {
    const began = performance.now();
    const chosen = this.#rowsFor(parts.length);
    const rows = parts.reduce((sum, { count }) => sum + count, 0);
    const tokens = new Uint32Array(rows);
    const segments: Segment[] = [];
    const outputs: { readonly entry: Entry; readonly row: number; readonly position: number }[] = [];
    let firstRow = 0;
    for (const { entry, start, count, final } of parts) {
      for (let i = 0; i < count; i++) {
        tokens[firstRow + i] = i < final ? entry.sequence.tokens[start + i]! : entry.guesses![i - final]!;
        if (wantedIn(entry, start + i, 1) === 1) outputs.push({ entry, row: firstRow + i, position: start + i });
      }
      segments.push({ firstRow, rows: count, final, firstPosition: start, blocks: entry.sequence.cache.blocks });
      firstRow += count;
    }
    let logits = new Float32Array();
    let isWhole = false;
    const stopListening = this.#cancelWhenAborted(parts);
    try {
      const outputRows = Uint32Array.from(outputs, ({ row }) => row);
      const computed = this.#decoder({
        tokens,
        segments,
        rotary: rotaryOf(parts),
        outputRows,
        adapters: adaptersOf(parts),
      });
      if (computed) logits = await this.#backend.read(computed);
      isWhole = true;
    } finally {
      try {
        await this.#backend.endStep(isWhole);
      } finally {
        stopListening();
      }
    }
    this.steps++;
    this.rows += rows;
    for (const { entry, final } of parts) entry.sequence.cache.advance(final);
    for (const [index, { entry, position }] of outputs.entries()) {
      const row = logits.subarray(index * this.#vocabulary, (index + 1) * this.#vocabulary);
      this.#tell(entry, () => entry.onLogits?.(row, position));
    }
    for (const { entry } of parts) {
      const { cache, length } = entry.sequence;
      this.#tell(entry, () => entry.onStep?.(cache.length));
      if (cache.length === length) this.#finish(entry, entry.resolve);
    }
    this.#adapt(rows, performance.now() - began, chosen);
  }

  /** A step that nobody waits for any more is not computed to its end. @returns what ends this */
  #cancelWhenAborted(parts: readonly Part[]): () => void {
    const signals = parts.flatMap(({ entry }) => entry.signal ?? []);
    if (signals.length < parts.length) return () => {};
    const onAbort = (): void => {
      if (signals.every(({ aborted }) => aborted)) this.#backend.cancelStep();
    };
    for (const signal of signals) signal.addEventListener("abort", onAbort);
    return () => {
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    };
  }

  /** A row's bits do not depend on the rows beside it, so the size of a step may follow the machine's speed. */
  #rowsFor(sequences: number): number {
    const isShared = sequences > 1;
    const least = this.#backend.leastRows * (isShared ? 1 : ownLeastRows);
    const aim = this.#speed * (isShared ? sharedMilliseconds : ownMilliseconds);
    return Math.round(Math.min(mostRows, this.#measuredRows * 2, Math.max(least, aim)));
  }

  #adapt(rows: number, elapsed: number, chosen: number): void {
    if (rows * 2 < chosen) return; // a small step says little about a large one
    this.#speed = rows / Math.max(elapsed, 0.01);
    this.#measuredRows = rows;
  }

  /** A listener that throws ends its own computation, not its neighbours'. */
  #tell(entry: Entry, listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#finish(entry, () => entry.reject(error));
    }
  }

  #finish(entry: Entry, settle: () => void): void {
    this.#queue = this.#queue.filter((other) => other !== entry);
    settle();
  }
}

/** Parts with the same adapter come one after the other, so that they meet it together; a row's bits do not depend on its place. */
function sideBySide(parts: readonly Part[]): Part[] {
  return [...Map.groupBy(parts, ({ entry }) => entry.sequence.adapter).values()].flat();
}

function adaptersOf(parts: readonly Part[]): DecoderStep["adapters"] {
  const adapters = parts.map(({ entry }) => entry.sequence.adapter?.matrices);
  return adapters.some(Boolean) ? adapters : undefined;
}

/** @returns the part with the most rows; of several, the one that came last */
function largestOf(parts: readonly Part[]): Part {
  return parts.reduce((largest, part) => (part.count >= largest.count ? part : largest));
}

/** Tokens of the sequence that are not cached. */
function lackedBy({ sequence }: Entry): number {
  return sequence.length - sequence.cache.length;
}

/** Guesses stay in the block of the last token; see {@link Segment.final}. So they take no memory either. */
function guessesOf({ sequence, guesses = [] }: Entry): number {
  return Math.min(guesses.length, sequence.cache.blockEnd(sequence.length - 1) - sequence.length);
}

function wantedIn({ wanted }: Entry, start: number, count: number): number {
  if (!wanted) return 0;
  return Math.max(0, Math.min(wanted.to, start + count - 1) - Math.max(wanted.from, start) + 1);
}

/** The rows of cosine and sine of a step: each part under its own sequence's encoding. */
function rotaryOf(parts: readonly Part[]): { cos: Float32Array; sin: Float32Array; pairs: number } {
  const pieces = parts.map(({ entry, start, count }) =>
    rotaryRows(
      entry.sequence.rotary,
      Array.from({ length: count }, (_, i) => start + i),
    ),
  );
  const size = pieces.reduce((sum, { cos }) => sum + cos.length, 0);
  const all = { cos: new Float32Array(size), sin: new Float32Array(size), pairs: pieces[0]!.pairs };
  let offset = 0;
  for (const { cos, sin } of pieces) {
    all.cos.set(cos, offset);
    all.sin.set(sin, offset);
    offset += cos.length;
  }
  return all;
}
