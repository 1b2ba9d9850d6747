import { fileURLToPath } from "node:url";

/** The embedded model: native window 256. */
export const tiny: string = fileURLToPath(new URL("../models/tiny-qwen2", import.meta.url));

/** Numbers of tokens that are the same in every run. */
export function someTokens(count: number, salt = 0): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919 + salt * 104729 + (i % 13) * 31) % 1000);
}
