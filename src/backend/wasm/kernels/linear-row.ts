import type { Code } from "../builder/code.ts";
import { defineKernel, type WasmFunction } from "../builder/kernel.ts";
import { i32, type Local, type Value } from "../builder/values.ts";

/*
 * One row of activations is bound by reading the weights, once and in order. Processors read ahead by themselves, but only within a page of 4 KiB, and not
 * far. What helps was measured, and differs between processors:
 *
 * - in general, one number two pages ahead is read for every page, so that its address and its first line are there: memory a third faster on Zen 5;
 * - on processors of the `pairs` variant that costs more than it gains. There two streams are read in turns, of the first and of the second half of the
 *   groups, each of which the processor reads ahead: a sixth faster on Zen 3, in q8 a third.
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
 * Parameters of the kernel: weights: of the first group, [groups][blocks]; x: a panel of one row; start: what the sums begin with, and y, somewhere else:
 * [groups][16] f32; scratch: 64 bytes, which are overwritten.
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
  return defineKernel(name, parameters, (code, { groups, blocks, scratch, ...given }) => {
    const hasTwo = code.target.variant === "pairs";
    const count = code.local("i32", hasTwo ? i32.shrU(i32.add(groups, i32.const(1)), i32.const(1)) : groups);
    const skipped = code.local("i32", i32.sub(groups, count)); // by the second stream; with an odd number both take the group in the middle
    const panel = code.local("address");
    const streams = (hasTwo ? [i32.const(0), skipped] : [i32.const(0)]).map((first) => {
      const weights = i32.mul(i32.mul(first, blocks), i32.const(blockBytes));
      const outputs = i32.mul(first, i32.const(64));
      const place = {
        weights: code.local("address", code.offset(given.weights, weights)),
        panel,
        y: code.local("address", code.offset(given.y, outputs)),
      };
      return { ...place, start: code.local("address", code.offset(given.start, outputs)), ...body(code, place) };
    });
    // There is one group: the second stream must not add to the sums of the first.
    if (hasTwo) code.if(i32.eq(skipped, i32.const(0)), () => code.set(streams[1]!.y, scratch));
    const forBlocks = hasTwo
      ? (block: () => void) => code.repeat(blocks, block)
      : readAhead(code, { ...given, groups, blocks, scratch, blockBytes, at: streams[0]!.weights });
    code.repeat(count, () => {
      code.set(panel, given.x);
      for (const { sums, start, y } of streams) {
        for (let v = 0; v < 4; v++) {
          const first = code.load(start, v * 16);
          if (sums) code.set(sums[v]!, first);
          else code.store(y, first, v * 16);
        }
      }
      forBlocks(() => {
        for (const { block, weights } of streams) {
          block();
          code.advance(weights, blockBytes);
        }
        code.advance(panel, panelBlockBytes);
      });
      for (const { sums, start, y } of streams) {
        if (sums) for (const [v, sum] of sums.entries()) code.store(y, sum, v * 16);
        code.advance(start, 64);
        code.advance(y, 64);
      }
    });
  });
}

/** What is read ahead of a stream. */
interface Stream {
  readonly weights: Value<"address">;
  readonly groups: Value<"i32">;
  readonly blocks: Value<"i32">;
  readonly blockBytes: number;
  /** Where it is. */
  readonly at: Value<"address">;
  /** What is read has to go somewhere. */
  readonly scratch: Value<"address">;
}

/** @returns how to go over the blocks of a group while the page after the next is read ahead */
function readAhead(
  code: Code,
  { weights, groups, blocks, blockBytes, at, scratch }: Stream,
): (block: () => void) => void {
  const pageBlocks = i32.const(Math.floor(pageBytes / blockBytes));
  const pages = code.local("i32", i32.divU(i32.add(blocks, i32.sub(pageBlocks, i32.const(1))), pageBlocks));
  const end = code.local("address", code.offset(weights, i32.mul(i32.mul(groups, blocks), i32.const(blockBytes))));
  const ahead = code.local("address");
  const left = code.local("i32");
  const count = code.local("i32");
  const touch = (bytes: number): void => {
    code.set(ahead, code.offset(at, bytes));
    code.if(code.isBelow(ahead, end), () => code.storeI32(scratch, code.loadI32(ahead)));
  };
  for (let bytes = pageBytes; bytes < aheadBytes; bytes += pageBytes) touch(bytes);
  return (block) => {
    code.set(left, blocks);
    code.repeat(pages, () => {
      touch(aheadBytes);
      code.set(count, pageBlocks);
      code.if(i32.ltU(left, pageBlocks), () => code.set(count, left));
      code.set(left, i32.sub(left, count));
      code.repeatAtLeastOnce(count, block);
    });
  };
}
