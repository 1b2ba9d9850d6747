import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel } from "../builder/kernel.ts";
import type { Value } from "../builder/values.ts";

/**
 * Copies bytes into the working memory, and back.
 *
 *   source, target   pieces of `bytes` bytes
 */
export const bringBytes: Kernel = defineKernel(
  "bringBytes",
  { source: "far", target: "address", bytes: "i32" },
  (code, { source, target, bytes }) => code.copy(target, source, bytes),
);

export const putBytes: Kernel = defineKernel(
  "putBytes",
  { source: "address", target: "far", bytes: "i32" },
  (code, { source, target, bytes }) => code.copy(target, source, bytes),
);

/**
 * Makes bytes readable without checks of bounds, which a memory of 64-bit addresses has before every access, and which keep engines from joining vectors.
 *
 * @param room - of as many bytes
 * @returns where they are: where they were, or, when that is another memory, in `room`
 */
export function bring(
  code: Code,
  {
    source,
    room,
    bytes,
  }: { readonly source: Value<"far">; readonly room: Value<"address">; readonly bytes: Value<"i32"> },
): Value<"address"> {
  if (!code.hasTwoMemories) return code.narrow(source);
  code.copy(room, source, bytes);
  return room;
}
