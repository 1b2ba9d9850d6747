/** `1 file`, `2 files`. */
export function countFiles(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

/** `1 token`, `2 tokens`. */
export function countTokens(count: number): string {
  return count === 1 ? "1 token" : `${count} tokens`;
}
