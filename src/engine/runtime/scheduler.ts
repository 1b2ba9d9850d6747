import type { Backend, Segment } from "../../backend/backend.ts";
import type { Decoder } from "../../model/decoder.ts";
import { rotaryRows } from "../../position/index.ts";
import { nextTask } from "../next-task.ts";
import type { Sequence } from "./sequence.ts";

/** What one sequence wants computed: all its tokens that are not cached yet. */
export interface Computation {
  readonly sequence: Sequence;
  /** The first and the last position whose logits are wanted; none by default. */
  readonly wanted?: { readonly from: number; readonly to: number };
  /** Receives the logits of each wanted position in turn, [vocabulary]; valid during the call. */
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
  readonly count: number;
}

/** How long a step should take: short enough that an abort or a newcomer waits no longer than people notice. */
const stepMilliseconds = 80;
const mostRows = 1024;
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
  #running = false;
  #rows = 16;
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

  async #run(): Promise<void> {
    this.#running = true;
    for (;;) {
      await nextTask();
      this.#dropAborted();
      const parts = this.#choose();
      if (parts.length === 0) break;
      try {
        await this.#step(parts);
      } catch (error) {
        for (const { entry } of parts) this.#finish(entry, () => entry.reject(error));
      }
    }
    this.#running = false;
  }

  #dropAborted(): void {
    for (const entry of this.#queue.filter(({ signal }) => signal?.aborted)) {
      this.#finish(entry, () => entry.reject(entry.signal?.reason));
    }
  }

  /** Every sequence gets at least one row; those that lack more share the rest of the step evenly. */
  #choose(): Part[] {
    const spare = Math.max(0, this.#rows - this.#queue.length);
    const hungry = this.#queue.filter(({ sequence }) => sequence.length - sequence.cache.length > 1).length;
    const share = 1 + Math.floor(spare / Math.max(1, hungry));
    const parts: Part[] = [];
    let logits = Math.max(1, Math.floor(logitsBytes / (4 * this.#vocabulary)));
    for (const entry of [...this.#queue]) {
      const start = entry.sequence.cache.length;
      let count = Math.min(share, entry.sequence.length - start);
      const wanted = wantedIn(entry, start, count);
      if (wanted > logits) count = Math.max(0, count - (wanted - logits));
      if (count === 0) continue; // its logits come in a later step
      logits -= wantedIn(entry, start, count);
      try {
        entry.sequence.cache.reserve(count);
        parts.push({ entry, start, count });
      } catch (error) {
        this.#finish(entry, () => entry.reject(error));
      }
    }
    return parts;
  }

  async #step(parts: readonly Part[]): Promise<void> {
    const began = performance.now();
    const rows = parts.reduce((sum, { count }) => sum + count, 0);
    const tokens = new Uint32Array(rows);
    const segments: Segment[] = [];
    const outputs: { readonly entry: Entry; readonly row: number; readonly position: number }[] = [];
    let firstRow = 0;
    for (const { entry, start, count } of parts) {
      for (let i = 0; i < count; i++) {
        tokens[firstRow + i] = entry.sequence.tokens[start + i]!;
        if (wantedIn(entry, start + i, 1) === 1) outputs.push({ entry, row: firstRow + i, position: start + i });
      }
      segments.push({ firstRow, rows: count, firstPosition: start, blocks: entry.sequence.cache.blocks });
      firstRow += count;
    }
    let logits = new Float32Array();
    try {
      const outputRows = Uint32Array.from(outputs, ({ row }) => row);
      const computed = this.#decoder({ tokens, segments, rotary: rotaryOf(parts), outputRows });
      if (computed) logits = await this.#backend.read(computed);
    } finally {
      this.#backend.endStep();
    }
    this.steps++;
    this.rows += rows;
    for (const { entry, count } of parts) entry.sequence.cache.advance(count);
    for (const [index, { entry, position }] of outputs.entries()) {
      const row = logits.subarray(index * this.#vocabulary, (index + 1) * this.#vocabulary);
      this.#tell(entry, () => entry.onLogits?.(row, position));
    }
    for (const { entry } of parts) {
      const { cache, length } = entry.sequence;
      this.#tell(entry, () => entry.onStep?.(cache.length));
      if (cache.length === length) this.#finish(entry, entry.resolve);
    }
    this.#adapt(rows, performance.now() - began);
  }

  /** A row's bits do not depend on the rows beside it, so the size of a step may follow the machine's speed. */
  #adapt(rows: number, elapsed: number): void {
    if (rows * 2 < this.#rows) return; // a small step says little about a large one
    const aim = (rows * stepMilliseconds) / Math.max(elapsed, 0.01);
    this.#rows = Math.round(Math.min(mostRows, this.#rows * 2, Math.max(4, aim)));
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
