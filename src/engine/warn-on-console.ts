import type { Warning } from "./options.ts";

/** What becomes of warnings that nobody listens to. */
export function warnOnConsole({ message }: Warning): void {
  console.warn(`skein: ${message}`);
}
