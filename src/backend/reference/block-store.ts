import { SkeinError } from "../../errors.ts";
import type { RotaryRows } from "../../position/index.ts";
import type { BlockStore, CacheLayout } from "../backend.ts";
import type { Matrix } from "./matrix.ts";

type Numbers = Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer>;

/**
 * Key/value blocks as plain arrays, one a block, made when the block is allocated and dropped when it is freed:
 * [layers, 2 (keys, values), keyValueHeads, blockTokens, headDim]. A head's positions lie one after the other.
 */
export class ReferenceBlockStore implements BlockStore {
  readonly layout: CacheLayout;
  readonly #bytesPerBlock: number;
  readonly #elements: number;
  readonly #blocks: (Numbers | undefined)[] = [];
  readonly #free: number[] = [];

  constructor(layout: CacheLayout) {
    this.layout = layout;
    this.#elements = layout.layers * 2 * layout.keyValueHeads * layout.blockTokens * layout.headDim;
    this.#bytesPerBlock = this.#elements * (layout.type === "f16" ? 2 : 4);
  }

  get bytesInUse(): number {
    return (this.#blocks.length - this.#free.length) * this.#bytesPerBlock;
  }

  allocate(): number {
    const numbers = this.#create(this.#elements);
    const block = this.#free.pop() ?? this.#blocks.length;
    this.#blocks[block] = numbers;
    return block;
  }

  free(block: number): void {
    this.#blocks[block] = undefined;
    this.#free.push(block);
  }

  copy(from: number, to: number): void {
    this.data(to).set(this.data(from));
  }

  keepable(_block: number, tokens: number): number {
    return tokens;
  }

  /** The block's numbers. */
  data(block: number): Numbers {
    const data = this.#blocks[block];
    if (!data) throw new SkeinError("internal", `cache block ${block} is used and was not allocated`);
    return data;
  }

  /** Where a head's keys begin in a block; its values begin `valueOffset` later. */
  offset(layer: number, head: number): number {
    const { keyValueHeads, blockTokens, headDim } = this.layout;
    return (layer * 2 * keyValueHeads + head) * blockTokens * headDim;
  }

  get valueOffset(): number {
    const { keyValueHeads, blockTokens, headDim } = this.layout;
    return keyValueHeads * blockTokens * headDim;
  }

  write(layer: number, blocks: readonly number[], position: number, keys: Matrix, values: Matrix, row: number): void {
    const { keyValueHeads, blockTokens, headDim } = this.layout;
    const data = this.data(blocks[Math.floor(position / blockTokens)]!);
    for (let head = 0; head < keyValueHeads; head++) {
      const to = this.offset(layer, head) + (position % blockTokens) * headDim;
      const from = row * keys.columns + head * headDim;
      data.set(keys.data.subarray(from, from + headDim), to);
      data.set(values.data.subarray(from, from + headDim), to + this.valueOffset);
    }
  }

  rerotate(block: number, turn: RotaryRows): void {
    const { layers, keyValueHeads, headDim } = this.layout;
    const data = this.data(block);
    const pairs = turn.pairs;
    const tokens = turn.cos.length / pairs;
    for (let layer = 0; layer < layers; layer++) {
      for (let head = 0; head < keyValueHeads; head++) {
        for (let token = 0; token < tokens; token++) {
          const key = this.offset(layer, head) + token * headDim;
          for (let j = 0; j < pairs; j++) {
            const cos = turn.cos[token * pairs + j]!;
            const sin = turn.sin[token * pairs + j]!;
            const first = data[key + j]!;
            const second = data[key + j + pairs]!;
            data[key + j] = first * cos - second * sin;
            data[key + j + pairs] = second * cos + first * sin;
          }
        }
      }
    }
  }

  async export(block: number, tokens: number): Promise<Uint8Array<ArrayBuffer>> {
    const { layers, keyValueHeads, blockTokens, headDim } = this.layout;
    const data = this.data(block);
    const groups = layers * 2 * keyValueHeads;
    const out = this.#create(groups * tokens * headDim);
    for (let group = 0; group < groups; group++) {
      const from = group * blockTokens * headDim;
      out.set(data.subarray(from, from + tokens * headDim), group * tokens * headDim);
    }
    return new Uint8Array(out.buffer);
  }

  import(block: number, tokens: number, bytes: Uint8Array): void {
    const { layers, keyValueHeads, blockTokens, headDim } = this.layout;
    const expected = layers * 2 * keyValueHeads * tokens * headDim * (this.layout.type === "f16" ? 2 : 4);
    if (bytes.length !== expected) throw new SkeinError("invalid_snapshot", "a part of the cache has a wrong size");
    const aligned = bytes.slice().buffer;
    const numbers = this.layout.type === "f16" ? new Float16Array(aligned) : new Float32Array(aligned);
    const data = this.data(block);
    for (let group = 0; group < layers * 2 * keyValueHeads; group++) {
      const from = group * tokens * headDim;
      data.set(numbers.subarray(from, from + tokens * headDim), group * blockTokens * headDim);
    }
  }

  #create(elements: number): Numbers {
    try {
      return this.layout.type === "f16" ? new Float16Array(elements) : new Float32Array(elements);
    } catch (error) {
      throw new SkeinError("out_of_memory", `no memory for a cache block of ${this.#bytesPerBlock} bytes`, {
        cause: error,
      });
    }
  }
}
