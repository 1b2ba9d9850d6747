import { SkeinError } from "../../errors.ts";
import type { LowRankRows } from "../backend.ts";
import { blockInputs, groupOutputs, panelRows, rowStride } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { createMatrix, type Matrix, type PackedWeight, panelKey, type RowRange, strideOf } from "./matrix.ts";
import { operationIds } from "./operations/index.ts";
import {
  blocksAtOnce,
  linearArguments,
  linearScratchBytes,
  productOf,
  products,
  productTypes,
  weightTypes,
} from "./operations/linear.ts";
import {
  type PanelType,
  panelArguments,
  panelBytes,
  panelScratchBytes,
  panelSources,
  panelTypes,
} from "./operations/panels.ts";
import { type Cut, countPieces } from "./operations/pieces.ts";
import type { Argument, Place, Region } from "./program.ts";

/** Pieces of a matrix for each thread when there are several rows: enough that none waits long for another. */
const itemsPerThread = 4;

/** One row: bytes of a piece that is not worth cutting again. */
const shortPieceBytes = 128 * 1024;

/** Rows and the bytes from one to the next; 0: they are the same. */
interface PlacedRows extends Place {
  readonly stride: number;
}

/** Where the sums of a product go. */
interface Sums {
  readonly output: PlacedRows;
  /** What the sums begin with: rows, or the address of the same numbers for all rows; undefined: what is in the output. */
  readonly start?: number | PlacedRows;
  /** Whether the operation before writes other rows of the output. */
  readonly isBeside?: boolean;
}

function panelOf({ type, isFine }: PackedWeight): PanelType {
  return products[productOf(type, isFine)].panel;
}

/** Enqueues what is done to matrices, and turns tensors into the form that is asked for. */
export class MatrixWork {
  readonly #machine: Machine;
  #zeros = { address: 0, length: 0 };

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.needScratch(linearScratchBytes);
  }

  /** A tensor whose rows somebody will write. */
  create(rows: number, columns: number): Matrix {
    return createMatrix(rows, columns, { kind: "rows", region: this.#program.region(rows * rowStride(columns) * 4) });
  }

  embed({ type, address, blocks, shape }: PackedWeight, tokens: Uint32Array): Matrix {
    const out = this.create(tokens.length, shape[1]!);
    const list = this.#program.base + this.#program.table([...tokens]);
    const values = [weightTypes.indexOf(type), address, blocks, out.region!, strideOf(out), list];
    this.#program.add(operationIds.embed, tokens.length, values, { reads: [], writes: [out.region!] });
    return out;
  }

  /** Outputs are cut into items; inputs into pieces whose activations fit a core's cache, added up one after the other. */
  linear(
    x: Matrix,
    weight: PackedWeight,
    { bias, residual }: { readonly bias?: PackedWeight | undefined; readonly residual?: Matrix | undefined },
  ): Matrix {
    if (bias && residual) return this.#add(residual, this.linear(x, weight, { bias }));
    const out = this.create(x.rows, weight.shape[0]!);
    const added = residual && this.rows(residual);
    // What the sums begin with: rows to add to, or the same numbers for all rows.
    const start = added ?? bias?.address ?? this.#zerosFor(weight.groups * groupOutputs);
    const panel = this.#panel(x, panelOf(weight));
    const output = { region: out.region!, offset: 0, stride: strideOf(out) };
    this.#multiply(weight, panel, x.rows, {
      output,
      start: typeof start === "number" ? start : { region: start, offset: 0, stride: added ? output.stride : 0 },
    });
    return out;
  }

  /** Parts go side by side, each through its two matrices, and are added to y where it stands. */
  addLowRank(y: Matrix, x: Matrix, parts: readonly LowRankRows[]): void {
    const region = this.rows(y);
    const pairs = parts.map(({ pair }) => pair as { readonly down: PackedWeight; readonly up: PackedWeight });
    const panels = parts.map((part, i) => this.#panel(x, panelOf(pairs[i]!.down), part));
    const narrow = parts.map(({ rows }, i) => {
      const { down } = pairs[i]!;
      const out = this.create(rows, down.shape[0]!);
      const start = this.#zerosFor(down.groups * groupOutputs);
      this.#multiply(down, panels[i]!, rows, {
        output: { region: out.region!, offset: 0, stride: strideOf(out) },
        start,
      });
      return out;
    });
    const narrowPanels = narrow.map((matrix, i) => this.#panel(matrix, panelOf(pairs[i]!.up)));
    for (const [i, { firstRow, rows }] of parts.entries()) {
      const output = { region, offset: firstRow * strideOf(y), stride: strideOf(y) };
      // Their rows are others than those of the part before. Otherwise each would be a phase of its own, and many sequences more than there may be.
      this.#multiply(pairs[i]!.up, narrowPanels[i]!, rows, { output, isBeside: i > 0 });
    }
  }

  /** @param panel - of so many rows */
  #multiply(weight: PackedWeight, panel: Region, rows: number, { output, start, isBeside }: Sums): void {
    const { groups, blocks } = weight;
    const product = productOf(weight.type, weight.isFine);
    this.#program.addWork(rows * groups * groupOutputs * blocks * blockInputs);
    const cut = this.#cut(weight, rows);
    const items = countPieces(cut);
    // What is added to where it stands goes through the kernel for several rows, which takes no more blocks than are expanded at a time.
    const step = blocksAtOnce(product, start === undefined ? Math.max(2, rows) : rows, blocks);
    for (let block = 0; block < blocks; block += step) {
      const from = block === 0 ? (start ?? output) : output; // sums of earlier inputs
      const values = new Array<Argument>(Object.keys(linearArguments).length);
      values[linearArguments.product] = productTypes.indexOf(product);
      values[linearArguments.weights] = weight.address;
      values[linearArguments.groups] = groups;
      values[linearArguments.blocks] = blocks;
      values[linearArguments.firstBlock] = block;
      values[linearArguments.blockCount] = Math.min(step, blocks - block);
      values[linearArguments.panel] = panel;
      values[linearArguments.rows] = rows;
      values[linearArguments.output] = output;
      values[linearArguments.stride] = output.stride;
      values[linearArguments.start] = from;
      values[linearArguments.startStride] = typeof from === "number" ? 0 : from.stride;
      values[linearArguments.sharers] = cut.sharers;
      values[linearArguments.short] = cut.short;
      const reads = typeof from === "number" || from.region === output.region ? [panel] : [panel, from.region];
      const beside = isBeside && block === 0 ? output.region : undefined;
      this.#program.add(operationIds.linear, items, values, { reads, writes: [output.region], beside });
    }
  }

  takeRows(x: Matrix, rows: Uint32Array): Matrix {
    const from = this.rows(x);
    const out = this.create(rows.length, x.columns);
    const list = this.#program.base + this.#program.table([...rows]);
    const values = [from, out.region!, strideOf(out), strideOf(out) / 16, list];
    this.#program.add(operationIds.takeRows, rows.length, values, { reads: [from], writes: [out.region!] });
    return out;
  }

  /** The rows as float32; computed when they are first asked for. */
  rows(x: Matrix): Region {
    if (x.region) return x.region;
    const { source } = x;
    if (source.kind === "rows") return source.region;
    x.region = this.#program.region(x.rows * strideOf(x));
    switch (source.kind) {
      case "rotate":
        throw new SkeinError("internal", "rotated rows are for the cache and attention only");
      case "rmsNorm": {
        const from = this.rows(source.x);
        const width = source.gain.shape[0]!;
        const norms = x.columns / width;
        const values = [from, source.gain.address, x.region, strideOf(x), norms, width, source.epsilon];
        this.#program.add(operationIds.normRows, x.rows, values, { reads: [from], writes: [x.region] });
        return x.region;
      }
      case "gatedSilu": {
        const [gate, up] = [this.rows(source.gate), this.rows(source.up)];
        const values = [gate, up, x.region, strideOf(x), strideOf(x) / 16];
        this.#program.add(operationIds.gateRows, x.rows, values, { reads: [gate, up], writes: [x.region] });
        return x.region;
      }
    }
  }

  #add(a: Matrix, b: Matrix): Matrix {
    const [left, right] = [this.rows(a), this.rows(b)];
    const out = this.create(a.rows, a.columns);
    const values = [left, right, out.region!, strideOf(out), strideOf(out) / 16];
    this.#program.add(operationIds.addRows, a.rows, values, { reads: [left, right], writes: [out.region!] });
    return out;
  }

  /** Rows, all unless said otherwise, as matrix kernels read them. Norms and gated units go there directly, unless their rows are there already. */
  #panel(x: Matrix, type: PanelType, { firstRow, rows: count }: RowRange = { firstRow: 0, rows: x.rows }): Region {
    const key = panelKey(type, { firstRow, rows: count });
    const known = x.panels.get(key);
    if (known) return known;
    const panel = this.#program.region(panelBytes(type, count, x.columns));
    x.panels.set(key, panel);
    this.#machine.needScratch(panelScratchBytes(x.columns));
    const { source } = x;
    const isLazy = !x.region;
    const offset = firstRow * strideOf(x);
    let rows: Region;
    let second: Argument = 0;
    const reads: Region[] = [];
    const values = new Array<Argument>(Object.keys(panelArguments).length);
    values[panelArguments.width] = 1;
    values[panelArguments.epsilon] = 0;
    let kind: (typeof panelSources)[number] = "rows";
    if (isLazy && source.kind === "rmsNorm") {
      kind = "rmsNorm";
      rows = this.rows(source.x);
      second = source.gain.address;
      values[panelArguments.width] = source.gain.shape[0]!;
      values[panelArguments.epsilon] = source.epsilon;
    } else if (isLazy && source.kind === "gatedSilu") {
      kind = "gatedSilu";
      rows = this.rows(source.gate);
      const up = this.rows(source.up);
      second = { region: up, offset };
      reads.push(up);
    } else rows = this.rows(x);
    values[panelArguments.type] = panelTypes.indexOf(type);
    values[panelArguments.panel] = panel;
    values[panelArguments.rows] = { region: rows, offset };
    values[panelArguments.stride] = strideOf(x);
    values[panelArguments.count] = count;
    values[panelArguments.columns] = x.columns;
    values[panelArguments.source] = panelSources.indexOf(kind);
    values[panelArguments.second] = second;
    const tiles = Math.ceil(count / panelRows);
    this.#program.add(operationIds.makePanel, tiles, values, { reads: [rows, ...reads], writes: [panel] });
    return panel;
  }

  #cut({ groups, bytes }: PackedWeight, rows: number): Cut {
    const { threads } = this.#machine;
    if (rows === 1) return { groups, sharers: threads, short: Math.ceil((shortPieceBytes * groups) / bytes) };
    return { groups, sharers: 0, short: Math.min(4, Math.ceil(groups / (itemsPerThread * threads))) };
  }

  get #program() {
    return this.#machine.program;
  }

  /** The address of so many zeros. */
  #zerosFor(length: number): number {
    const { memory } = this.#machine;
    if (length > this.#zeros.length) {
      this.#zeros = { address: memory.allocate(length * 4), length }; // the program may still refer to the shorter ones
      memory.floats(this.#zeros.address, length).fill(0);
    }
    return this.#zeros.address;
  }
}
