import { superBlockBytes } from "../../checkpoint/gguf/blocks-k.ts";
import { SkeinError, UnsupportedError } from "../../errors.ts";
import type { WeightBlocks, WeightSource, WeightSpace, WeightSpec } from "../backend.ts";
import { blockInputs, blocksInSuperBlock, groupOutputs, lineBytes, roundUp } from "./layout.ts";
import { type PackedWeight, packedSize } from "./matrix.ts";
import type { Memory } from "./memory.ts";
import { weightTypes } from "./operations/linear.ts";
import { packArguments } from "./operations/pack.ts";
import { isSuperBlockType } from "./pack-super-blocks.ts";

/** What the packed bytes are; to be raised when a layout changes. */
const packedFormat = "wasm 3";

/** Numbers that are read, widened and packed at a time. */
const pieceNumbers = 4 * 2 ** 20;

const superBlockInputs = blocksInSuperBlock * blockInputs;

/** Runs an operation's items on all threads, at once. @returns its arguments as they are afterwards */
export type RunNow = (operation: "pack", items: number, values: readonly number[]) => Float64Array;

/** All weights of a model, one after the other in memory, packed as the kernels read them. */
export class WasmWeightSpace implements WeightSpace {
  readonly weights: readonly PackedWeight[];
  readonly packed: { readonly format: string; readonly bytes: Uint8Array<ArrayBuffer> };
  readonly #memory: Memory;
  readonly #run: RunNow;
  readonly #start: number;

  constructor(memory: Memory, run: RunNow, specs: readonly WeightSpec[]) {
    this.#memory = memory;
    this.#run = run;
    let total = 0;
    const places = specs.map(({ shape, type }) => {
      const size = packedSize(shape, type);
      const offset = total;
      total += roundUp(size.bytes, lineBytes);
      return { ...size, offset };
    });
    const start = memory.allocate(total);
    this.weights = specs.map(({ name, shape, type, isFine = false }, i) => {
      const { offset, ...size } = places[i]!;
      return { name, shape, type: shape.length === 1 ? "f32" : type, isFine, address: start + offset, ...size };
    });
    this.#start = start;
    this.packed = { format: packedFormat, bytes: memory.bytes(start, total) };
  }

  async fill(index: number, source: WeightSource): Promise<void> {
    const weight = this.weights[index]!;
    if (weight.shape.length === 1) await this.#fillVector(weight, source);
    else await this.#fillMatrix(weight, source);
  }

  contents(index: number): Uint8Array {
    const { address, bytes } = this.weights[index]!;
    return this.#memory.bytes(address, bytes);
  }

  free(): void {
    this.#memory.free(this.#start, this.packed.bytes.length);
  }

  async #fillVector({ name, shape, address, bytes }: PackedWeight, source: WeightSource): Promise<void> {
    const numbers = await source.read(0, shape[0]!);
    if (!numbers.every(Number.isFinite))
      throw new UnsupportedError(`${name}: a weight is not finite. Is the checkpoint damaged?`);
    const vector = this.#memory.floats(address, bytes / 4);
    vector.fill(0);
    vector.set(numbers);
  }

  /** While the threads pack a piece, the next one is on its way from the disk. */
  async #fillMatrix(weight: PackedWeight, source: WeightSource): Promise<void> {
    const [outputs, inputs] = weight.shape as [number, number];
    const { groups, blocks } = weight;
    const columns = blocks * blockInputs;
    const groupsInPiece = Math.max(1, Math.floor(pieceNumbers / (groupOutputs * columns)));
    const staged = Math.min(groups, groupsInPiece) * groupOutputs * columns;
    const staging = this.#memory.allocate(staged * 4);
    try {
      const rows = this.#memory.floats(staging, staged);
      const { readBlocks, readSuperBlocks } = source;
      const { type } = weight;
      /** @returns what puts the piece where it is packed from, and says where its scales are */
      const read = async (group: number): Promise<(numbers: number) => number> => {
        const start = group * groupOutputs * inputs;
        const end = Math.min(outputs * inputs, start + groupsInPiece * groupOutputs * inputs);
        if (isSuperBlockType(type)) {
          if (!readSuperBlocks || inputs % superBlockInputs !== 0)
            throw new SkeinError("internal", `${weight.name} is not given in super-blocks of ${type}`);
          const bytes = await readSuperBlocks(start, end);
          return (numbers) => this.#stageBytes(bytes, staging, (numbers / superBlockInputs) * superBlockBytes[type]);
        }
        if (readBlocks) {
          const given = await readBlocks(start, end);
          return (numbers) => this.#stageBlocks(given, staging, numbers);
        }
        const piece = await source.read(start, end);
        return (numbers) => {
          stage(piece, inputs, rows.subarray(0, numbers), columns);
          return 0;
        };
      };
      let next = read(0);
      for (let group = 0; group < groups; group += groupsInPiece) {
        const put = await next;
        const after = group + groupsInPiece;
        if (after < groups) {
          next = read(after);
          next.catch(() => {}); // awaited in the next turn
        }
        const count = Math.min(groupsInPiece, groups - group);
        const scales = put(count * groupOutputs * columns);
        this.#pack(weight, group, count, { rows: staging, scales });
      }
    } finally {
      this.#memory.free(staging, staged * 4);
    }
  }

  /** Completes integers and scales to whole groups, by zeros. @returns the address of the scales, which stand behind the integers */
  #stageBlocks({ scales, integers }: WeightBlocks, address: number, numbers: number): number {
    const { buffer } = this.#memory.memory;
    const rows = new Int8Array(buffer, address, numbers);
    rows.fill(0, integers.length);
    rows.set(integers);
    const bits = new Uint16Array(buffer, address + numbers, numbers / blockInputs);
    bits.fill(0, scales.length);
    bits.set(scales);
    return address + numbers;
  }

  /** Completes bytes by zeros. @returns 0: they have no scales of their own */
  #stageBytes(given: Uint8Array, address: number, length: number): number {
    const bytes = this.#memory.bytes(address, length);
    bytes.set(given);
    bytes.fill(0, given.length);
    return 0;
  }

  #pack(
    { name, type, address, blocks, groups, bytes }: PackedWeight,
    group: number,
    count: number,
    { rows, scales }: { readonly rows: number; readonly scales: number },
  ): void {
    const values = new Array<number>(Object.keys(packArguments).length);
    values[packArguments.type] = weightTypes.indexOf(type);
    values[packArguments.rows] = rows;
    values[packArguments.blocks] = blocks;
    values[packArguments.target] = address + (group * bytes) / groups;
    values[packArguments.failed] = 0;
    values[packArguments.scales] = scales;
    const after = this.#run("pack", count, values);
    if (after[packArguments.failed] === 0) return;
    const wider = type === "f32" ? "" : "; f32 holds all numbers";
    throw new UnsupportedError(
      `${name}: a weight is not finite, or too large for ${type}${wider}. Is the checkpoint damaged?`,
    );
  }
}

/** Completes rows to whole blocks, and the rows to whole groups, by zeros. */
function stage(piece: Float32Array, inputs: number, rows: Float32Array, columns: number): void {
  if (inputs === columns) {
    rows.set(piece);
    rows.fill(0, piece.length);
    return;
  }
  rows.fill(0);
  for (let row = 0; row * inputs < piece.length; row++)
    rows.set(piece.subarray(row * inputs, (row + 1) * inputs), row * columns);
}
