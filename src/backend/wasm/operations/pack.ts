import { superBlockBytes } from "../../../checkpoint/gguf/blocks-k.ts";
import { blockInputs, blocksInSuperBlock, groupOutputs, placeOf } from "../layout.ts";
import { packBlocks, packedBlockBytes, packGroup } from "../pack.ts";
import { isSuperBlockType, packSuperBlocks } from "../pack-super-blocks.ts";
import type { Thread } from "../thread.ts";
import { weightTypes } from "./linear.ts";

/** Arguments of {@link pack}. An item is a group of 16 rows. The packed groups may be in another memory than the working one. */
export const packArguments = {
  /** Index in `weightTypes`. */
  type: 0,
  /** Address of the rows, [16 · items][blocks · 32] f32, or [16 · items][blocks / 8] super-blocks. */
  rows: 1,
  blocks: 2,
  /** Address of the packed groups. */
  target: 3,
  /** Becomes 1 when the type cannot hold some number. */
  failed: 4,
  /** 0, or the address of scales, [16 · items][blocks] float16: then the rows are integers, [16 · items][blocks · 32] i8. */
  scales: 5,
} as const;

/**
 * Packs a group of rows.
 *
 * @param numbers - holds the arguments, at `at`, of which `failed` may change; see {@link packArguments}
 * @param item - which group
 */
export function pack({ others }: Thread, numbers: Float64Array, at: number, item: number): void {
  const given = (name: keyof typeof packArguments): number => numbers[at + packArguments[name]]!;
  const type = weightTypes[given("type")]!;
  const blocks = given("blocks");
  const size = groupOutputs * blocks * blockInputs;
  const bytes = blocks * packedBlockBytes[type];
  const to = given("target") + item * bytes;
  const target = new Uint8Array(others.bufferAt(to), placeOf(to), bytes);
  const buffer = others.bufferAt(0); // the working memory
  let isHeld: boolean;
  if (isSuperBlockType(type)) {
    const count = blocks / blocksInSuperBlock;
    const size = groupOutputs * count * superBlockBytes[type];
    isHeld = packSuperBlocks(type, new Uint8Array(buffer, given("rows") + item * size, size), count, target);
  } else if (given("scales") === 0)
    isHeld = packGroup(type, new Float32Array(buffer, given("rows") + item * size * 4, size), blocks, target);
  else {
    const scaleCount = size / blockInputs;
    const scales = new Uint16Array(buffer, given("scales") + item * scaleCount * 2, scaleCount);
    const integers = new Int8Array(buffer, given("rows") + item * size, size);
    isHeld = packBlocks(type as "q4" | "q8", { scales, integers }, blocks, target);
  }
  if (!isHeld) numbers[at + packArguments.failed] = 1;
}
