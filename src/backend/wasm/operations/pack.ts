import { blockInputs, groupOutputs } from "../layout.ts";
import { packedBlockBytes, packGroup } from "../pack.ts";
import type { Thread } from "../thread.ts";
import { weightTypes } from "./linear.ts";

/** Arguments of {@link pack}. An item is a group of 16 rows. */
export const packArguments = {
  /** Index in `weightTypes`. */
  type: 0,
  /** Address of the rows, [16 · items][blocks · 32] f32. */
  rows: 1,
  blocks: 2,
  /** Address of the packed groups. */
  target: 3,
  /** Becomes 1 when the type cannot hold some number. */
  failed: 4,
} as const;

export function pack({ memory }: Thread, numbers: Float64Array, at: number, item: number): void {
  const given = (name: keyof typeof packArguments): number => numbers[at + packArguments[name]]!;
  const type = weightTypes[given("type")]!;
  const blocks = given("blocks");
  const size = groupOutputs * blocks * blockInputs;
  const rows = new Float32Array(memory.buffer, given("rows") + item * size * 4, size);
  const bytes = blocks * packedBlockBytes[type];
  const target = new Uint8Array(memory.buffer, given("target") + item * bytes, bytes);
  if (!packGroup(type, rows, blocks, target)) numbers[at + packArguments.failed] = 1;
}
