import type { Code } from "../builder/code.ts";
import { defineKernel, type WasmFunction } from "../builder/kernel.ts";
import { i32, type Local } from "../builder/values.ts";

/*
 * One row of activations is bound by reading the weights, once and in order. Processors read ahead by themselves, but only within a page: at each page
 * of 4 KiB they would wait for its address and its first line. So one number two pages ahead is read for every page, which makes memory a third faster.
 */
const pageBytes = 4096;
const aheadBytes = 2 * pageBytes;

/** Where a row kernel is. */
export interface RowPlace {
  /** The block of 16 outputs by 32 inputs. */
  readonly weights: Local<"address">;
  /** The block's activations in the panel. */
  readonly panel: Local<"address">;
  /** [16] f32: the sums of the group, at the end or all the time. */
  readonly y: Local<"address">;
}

/** How a row kernel computes. */
export interface RowBody {
  /** The sums of a group, four vectors, where registers have room for them; else they stay in `y`. */
  readonly sums?: readonly Local<"v128">[];
  /** Adds a block's products to the sums. */
  readonly block: () => void;
}

/**
 * One row of activations by any number of groups of 16 outputs. Weights go from memory to registers once.
 *
 * Parameters of the kernel: weights: of the first group, [groups][blocks]; x: a panel of one row; start: what the sums begin with, and y:
 * [groups][16] f32; scratch: four bytes, which are overwritten: what is read ahead has to go somewhere.
 *
 * @param blockBytes - of the weights, of 16 outputs
 * @param panelBlockBytes - of the activations
 */
export function defineRow(
  name: string,
  blockBytes: number,
  panelBlockBytes: number,
  body: (code: Code, place: RowPlace) => RowBody,
): WasmFunction {
  const parameters = {
    weights: "address",
    x: "address",
    start: "address",
    y: "address",
    groups: "i32",
    blocks: "i32",
    scratch: "address",
  } as const;
  return defineKernel(name, parameters, (code, given) => {
    const { groups, blocks, scratch } = given;
    const weights = code.local("address", given.weights);
    const start = code.local("address", given.start);
    const y = code.local("address", given.y);
    const panel = code.local("address");
    const pageBlocks = i32.const(Math.floor(pageBytes / blockBytes));
    const pages = code.local("i32", i32.divU(i32.add(blocks, i32.sub(pageBlocks, i32.const(1))), pageBlocks));
    const allBytes = i32.mul(i32.mul(groups, blocks), i32.const(blockBytes));
    const end = code.local("address", code.offset(weights, allBytes));
    const ahead = code.local("address");
    const seen = code.local("i32");
    const left = code.local("i32");
    const count = code.local("i32");
    const touch = (bytes: number): void => {
      code.set(ahead, code.offset(weights, bytes));
      code.if(code.isBelow(ahead, end), () => code.set(seen, i32.add(seen, code.loadI32(ahead))));
    };
    const { sums, block } = body(code, { weights, panel, y });
    for (let bytes = pageBytes; bytes < aheadBytes; bytes += pageBytes) touch(bytes);
    code.repeat(groups, () => {
      code.set(panel, given.x);
      code.set(left, blocks);
      for (let v = 0; v < 4; v++) {
        const first = code.load(start, v * 16);
        if (sums) code.set(sums[v]!, first);
        else code.store(y, first, v * 16);
      }
      code.repeat(pages, () => {
        touch(aheadBytes);
        code.set(count, pageBlocks);
        code.if(i32.ltU(left, pageBlocks), () => code.set(count, left));
        code.set(left, i32.sub(left, count));
        code.repeatAtLeastOnce(count, () => {
          block();
          code.advance(weights, blockBytes);
          code.advance(panel, panelBlockBytes);
        });
      });
      if (sums) for (const [v, sum] of sums.entries()) code.store(y, sum, v * 16);
      code.advance(start, 64);
      code.advance(y, 64);
    });
    code.storeI32(scratch, seen);
  });
}
