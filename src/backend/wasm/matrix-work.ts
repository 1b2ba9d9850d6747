import { SkeinError } from "../../errors.ts";
import { groupOutputs, panelRows, rowStride } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { createMatrix, type Matrix, type PackedWeight, strideOf } from "./matrix.ts";
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
import type { Argument, Region } from "./program.ts";

/** Pieces of a matrix for each thread when there are several rows: enough that none waits long for another. */
const itemsPerThread = 4;

/** One row: bytes of a piece that is not worth cutting again. */
const shortPieceBytes = 128 * 1024;

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
    const { groups, blocks } = weight;
    const product = productOf(weight.type, weight.isFine);
    const out = this.create(x.rows, weight.shape[0]!);
    const panel = this.#panel(x, products[product].panel);
    const output = out.region!;
    const added = residual && this.rows(residual);
    this.#program.addWork(x.rows * groups * groupOutputs * x.columns);
    const cut = this.#cut(weight, x.rows);
    const items = countPieces(cut);
    const step = blocksAtOnce(product, x.rows, blocks);
    // What the sums begin with: sums of earlier inputs, rows to add to, or the same numbers for all rows.
    let start: number | Region = added ?? bias?.address ?? this.#zerosFor(groups * groupOutputs);
    let startStride = added ? strideOf(out) : 0;
    for (let first = 0; first < blocks; first += step) {
      const values = new Array<Argument>(Object.keys(linearArguments).length);
      values[linearArguments.product] = productTypes.indexOf(product);
      values[linearArguments.weights] = weight.address;
      values[linearArguments.groups] = groups;
      values[linearArguments.blocks] = blocks;
      values[linearArguments.firstBlock] = first;
      values[linearArguments.blockCount] = Math.min(step, blocks - first);
      values[linearArguments.panel] = panel;
      values[linearArguments.rows] = x.rows;
      values[linearArguments.output] = output;
      values[linearArguments.stride] = strideOf(out);
      values[linearArguments.start] = start;
      values[linearArguments.startStride] = startStride;
      values[linearArguments.sharers] = cut.sharers;
      values[linearArguments.short] = cut.short;
      const reads = typeof start === "number" ? [panel] : [panel, start];
      this.#program.add(operationIds.linear, items, values, { reads, writes: [output] });
      start = output;
      startStride = strideOf(out);
    }
    return out;
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

  /** The rows as matrix kernels read them. Norms and gated units go there directly, unless their rows are there already. */
  #panel(x: Matrix, type: PanelType): Region {
    const known = x.panels[type];
    if (known) return known;
    const panel = this.#program.region(panelBytes(type, x.rows, x.columns));
    x.panels[type] = panel;
    this.#machine.needScratch(panelScratchBytes(x.columns));
    const { source } = x;
    const isLazy = !x.region;
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
      second = this.rows(source.up);
      reads.push(second);
    } else rows = this.rows(x);
    values[panelArguments.type] = panelTypes.indexOf(type);
    values[panelArguments.panel] = panel;
    values[panelArguments.rows] = rows;
    values[panelArguments.stride] = strideOf(x);
    values[panelArguments.count] = x.rows;
    values[panelArguments.columns] = x.columns;
    values[panelArguments.source] = panelSources.indexOf(kind);
    values[panelArguments.second] = second;
    const tiles = Math.ceil(x.rows / panelRows);
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
