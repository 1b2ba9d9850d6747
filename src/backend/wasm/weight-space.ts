import { superBlockBytes } from "../../checkpoint/gguf/blocks-k.ts";
import { SkeinError, UnsupportedError } from "../../errors.ts";
import type { WeightBlocks, WeightSource, WeightSpace, WeightSpec } from "../backend.ts";
import { blockInputs, blocksInSuperBlock, groupOutputs, lineBytes, memoryOf, roundUp } from "./layout.ts";
import { type PackedWeight, packedSize } from "./matrix.ts";
import type { Memories } from "./memories.ts";
import { weightTypes } from "./operations/linear.ts";
import { packArguments } from "./operations/pack.ts";
import { checkInputs } from "./other-memories.ts";
import { isSuperBlockType } from "./pack-super-blocks.ts";

/** What the packed bytes are; to be raised when a layout changes. */
const packedFormat = "wasm 4";

/** Numbers that are read, widened and packed at a time. */
const pieceNumbers = 4 * 2 ** 20;

const superBlockInputs = blocksInSuperBlock * blockInputs;

/** Runs an operation's items on all threads, at once. @returns its arguments as they are afterwards */
export type RunNow = (operation: "pack", items: number, values: readonly number[]) => Promise<Float64Array>;

/** All weights of a model, packed as the kernels read them: vectors in the working memory, matrices where there is room for what is large. */
export class WasmWeightSpace implements WeightSpace {
  readonly weights: readonly PackedWeight[];
  readonly packed: { readonly format: string; readonly parts: readonly Uint8Array<ArrayBuffer>[] };
  readonly #memories: Memories;
  readonly #run: RunNow;
  readonly #pieces: { readonly address: number; readonly bytes: number }[] = [];

  /** @throws SkeinError (code `out_of_memory`), UnsupportedError; then nothing is in use */
  constructor(memories: Memories, run: RunNow, specs: readonly WeightSpec[]) {
    this.#memories = memories;
    this.#run = run;
    // Vectors come first: so the bytes have one order, however many memories there are.
    const order = [...specs.keys()].sort((a, b) => Number(isMatrix(specs[a]!)) - Number(isMatrix(specs[b]!)));
    const weights = new Array<PackedWeight>(specs.length);
    try {
      for (const i of order) {
        const { name, shape, type, isFine = false } = specs[i]!;
        const size = packedSize(shape, type);
        const bytes = roundUp(size.bytes, lineBytes);
        const isLarge = isMatrix(specs[i]!);
        const address = (isLarge ? memories : memories.working).allocate(bytes);
        this.#pieces.push({ address, bytes });
        if (memoryOf(address) > 0) checkInputs(name, shape[1]!);
        weights[i] = { name, shape, type: isLarge ? type : "f32", isFine, address, ...size };
      }
    } catch (error) {
      this.free();
      throw error;
    }
    this.weights = weights;
    this.packed = { format: packedFormat, parts: this.#parts() };
  }

  async fill(index: number, source: WeightSource): Promise<void> {
    const weight = this.weights[index]!;
    if (isMatrix(weight)) await this.#fillMatrix(weight, source);
    else await this.#fillVector(weight, source);
  }

  contents(index: number): Uint8Array {
    const { address, bytes } = this.weights[index]!;
    return this.#memories.bytes(address, bytes);
  }

  free(): void {
    for (const { address, bytes } of this.#pieces.splice(0)) this.#memories.free(address, bytes);
  }

  /** Views of all that is in use, in the order in which it was asked for; what lies side by side is one. */
  #parts(): Uint8Array<ArrayBuffer>[] {
    const runs: { address: number; bytes: number }[] = [];
    for (const { address, bytes } of this.#pieces) {
      const last = runs.at(-1);
      const isNext = last && last.address + last.bytes === address && memoryOf(last.address) === memoryOf(address);
      if (isNext) last.bytes += bytes;
      else runs.push({ address, bytes });
    }
    return runs.map(({ address, bytes }) => this.#memories.bytes(address, bytes));
  }

  async #fillVector({ name, shape, address, bytes }: PackedWeight, source: WeightSource): Promise<void> {
    const numbers = await source.read(0, shape[0]!);
    if (!numbers.every(Number.isFinite))
      throw new UnsupportedError(`${name}: a weight is not finite. Is the checkpoint damaged?`);
    const vector = this.#memories.floats(address, bytes / 4);
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
    const { working } = this.#memories;
    const staging = working.allocate(staged * 4);
    try {
      const rows = working.floats(staging, staged);
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
        await this.#pack(weight, group, count, { rows: staging, scales });
      }
    } finally {
      working.free(staging, staged * 4);
    }
  }

  /** Completes integers and scales to whole groups, by zeros. @returns the address of the scales, which stand behind the integers */
  #stageBlocks({ scales, integers }: WeightBlocks, address: number, numbers: number): number {
    const { buffer } = this.#memories.working.memory;
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
    const bytes = this.#memories.working.bytes(address, length);
    bytes.set(given);
    bytes.fill(0, given.length);
    return 0;
  }

  async #pack(
    { name, type, address, blocks, groups, bytes }: PackedWeight,
    group: number,
    count: number,
    { rows, scales }: { readonly rows: number; readonly scales: number },
  ): Promise<void> {
    const values = new Array<number>(Object.keys(packArguments).length);
    values[packArguments.type] = weightTypes.indexOf(type);
    values[packArguments.rows] = rows;
    values[packArguments.blocks] = blocks;
    values[packArguments.target] = address + (group * bytes) / groups;
    values[packArguments.failed] = 0;
    values[packArguments.scales] = scales;
    const after = await this.#run("pack", count, values);
    if (after[packArguments.failed] === 0) return;
    const wider = type === "f32" ? "" : "; f32 holds all numbers";
    throw new UnsupportedError(
      `${name}: a weight is not finite, or too large for ${type}${wider}. Is the checkpoint damaged?`,
    );
  }
}

function isMatrix({ shape }: Pick<WeightSpec, "shape">): boolean {
  return shape.length > 1;
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
