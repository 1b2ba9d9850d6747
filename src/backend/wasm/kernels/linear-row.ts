import type { Code } from "../builder/code.ts";
import { defineKernel, type WasmFunction } from "../builder/kernel.ts";
import { i32, type Local, type Value } from "../builder/values.ts";
import { blocksInSuperBlock } from "../layout.ts";

/*
 * One row of activations is bound by reading the weights, once and in order. Processors read ahead by themselves, but only within a page of 4 KiB, and not
 * far. What helps was measured, and differs between processors:
 *
 * - in general, one number of a page ahead is read for every page, so that its address and its first line are there: memory a third faster on Zen 5. Of blocks
 *   that follow each other it is the next page, 3 to 7 % faster than the one after it; of super-blocks the one after it, for Q6_K up to 8 % faster;
 * - on processors of the `pairs` variant that costs more than it gains. There two streams are read in turns, of the first and of the second half of the
 *   groups, each of which the processor reads ahead: a sixth faster on Zen 3, in q8 a third.
 */
const pageBytes = 4096;

/** What a row kernel reads, in bytes. */
export interface RowShape {
  /** A block of weights, of 16 outputs by 32 inputs. */
  readonly weights: number;
  /** A block of activations. */
  readonly panel: number;
  /** What stands before the eight blocks of a super-block of weights, where there are such. */
  readonly header?: number;
}

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
  /** Takes note of a super-block's header, which is where the weights' block would be. */
  readonly header?: () => void;
  /** Adds a block's products to the sums. */
  readonly block: () => void;
}

/**
 * One row of activations by any number of groups of 16 outputs. Weights go from memory to registers once.
 *
 * Parameters of the kernel: weights: of the first group, [groups][blocks]; x: a panel of one row; start: what the sums begin with, and y, somewhere else:
 * [groups][16] f32; scratch: 64 bytes, which are overwritten.
 */
export function defineRow(name: string, shape: RowShape, body: (code: Code, place: RowPlace) => RowBody): WasmFunction {
  const parameters = {
    weights: "address",
    x: "address",
    start: "address",
    y: "address",
    groups: "i32",
    blocks: "i32",
    scratch: "address",
  } as const;
  const hasHeaders = shape.header !== undefined;
  const turnBytes = hasHeaders ? shape.header + blocksInSuperBlock * shape.weights : shape.weights;
  return defineKernel(name, parameters, (code, { groups, blocks, scratch, ...given }) => {
    const turns = hasHeaders ? code.local("i32", i32.divU(blocks, i32.const(blocksInSuperBlock))) : blocks;
    const hasTwo = code.variant === "pairs";
    const count = code.local("i32", hasTwo ? i32.shrU(i32.add(groups, i32.const(1)), i32.const(1)) : groups);
    const skipped = code.local("i32", i32.sub(groups, count)); // by the second stream; with an odd number both take the group in the middle
    const panel = code.local("address");
    const streams = (hasTwo ? [i32.const(0), skipped] : [i32.const(0)]).map((first) => {
      const weights = i32.mul(i32.mul(first, turns), i32.const(turnBytes));
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
    const forTurns = hasTwo
      ? (turn: () => void) => code.repeat(turns, turn)
      : readAhead(code, {
          ...given,
          groups,
          turns,
          scratch,
          turnBytes,
          pages: hasHeaders ? 2 : 1,
          at: streams[0]!.weights,
        });
    const block = (): void => {
      for (const { block, weights } of streams) {
        block();
        code.advance(weights, shape.weights);
      }
      code.advance(panel, shape.panel);
    };
    code.repeat(count, () => {
      code.set(panel, given.x);
      for (const { sums, start, y } of streams) {
        const first = [0, 1, 2, 3].map((v) => code.load(start, v * 16));
        if (sums) for (const [v, sum] of sums.entries()) code.set(sum, first[v]!);
        else storeGroup(code, y, first);
      }
      forTurns(() => {
        if (!hasHeaders) return block();
        for (const { header, weights } of streams) {
          header?.();
          code.advance(weights, shape.header);
        }
        code.repeatAtLeastOnce(code.local("i32", i32.const(blocksInSuperBlock)), block);
      });
      for (const { sums, start, y } of streams) {
        if (sums) storeGroup(code, y, sums);
        code.advance(start, 64);
        code.advance(y, 64);
      }
    });
  });
}

/** Stores a group's four vectors. */
export function storeGroup(code: Code, y: Value<"address">, vectors: readonly Value<"v128">[]): void {
  for (const v of [0, 2]) code.storePair(y, vectors.slice(v, v + 2), v * 16);
}

/** What is read ahead of a stream. */
interface Stream {
  readonly weights: Value<"address">;
  readonly groups: Value<"i32">;
  /** Of the loop over a group's weights, and what each of them reads. */
  readonly turns: Value<"i32">;
  readonly turnBytes: number;
  /** How many pages ahead. */
  readonly pages: number;
  /** Where it is. */
  readonly at: Value<"address">;
  /** What is read has to go somewhere. */
  readonly scratch: Value<"address">;
}

/** @returns how to go over the weights of a group while a page is read ahead */
function readAhead(
  code: Code,
  { weights, groups, turns, turnBytes, pages: pagesAhead, at, scratch }: Stream,
): (turn: () => void) => void {
  const pageTurns = i32.const(Math.floor(pageBytes / turnBytes));
  const pages = code.local("i32", i32.divU(i32.add(turns, i32.sub(pageTurns, i32.const(1))), pageTurns));
  const end = code.local("address", code.offset(weights, i32.mul(i32.mul(groups, turns), i32.const(turnBytes))));
  const ahead = code.local("address");
  const left = code.local("i32");
  const count = code.local("i32");
  const touch = (bytes: number): void => {
    code.set(ahead, code.offset(at, bytes));
    code.if(code.isBelow(ahead, end), () => code.storeI32(scratch, code.loadI32(ahead)));
  };
  for (let page = 1; page < pagesAhead; page++) touch(page * pageBytes);
  return (turn) => {
    code.set(left, turns);
    code.repeat(pages, () => {
      touch(pagesAhead * pageBytes);
      code.set(count, pageTurns);
      code.if(i32.ltU(left, pageTurns), () => code.set(count, left));
      code.set(left, i32.sub(left, count));
      code.repeatAtLeastOnce(count, turn);
    });
  };
}
