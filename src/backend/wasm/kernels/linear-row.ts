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
  /** [16] f32 of the group: what the sums begin with, and where they go. */
  readonly start: Local<"address">;
  readonly y: Local<"address">;
}

/** What a row kernel does with a group of outputs: before, for and after its blocks. */
export interface RowGroup {
  readonly begin: () => void;
  readonly block: () => void;
  readonly end?: () => void;
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
  group: (code: Code, place: RowPlace) => RowGroup,
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
    const { begin, block, end: finish } = group(code, { weights, panel, start, y });
    for (let bytes = pageBytes; bytes < aheadBytes; bytes += pageBytes) touch(bytes);
    code.repeat(groups, () => {
      code.set(panel, given.x);
      code.set(left, blocks);
      begin();
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
      finish?.();
      code.advance(start, 64);
      code.advance(y, 64);
    });
    code.storeI32(scratch, seen);
  });
}
