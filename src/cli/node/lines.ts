import { createInterface } from "node:readline";
import { interruption } from "./interruption.ts";

/** Lines that a person types, or that are piped in. */
export interface LineReader {
  /** @returns the next line; undefined at the end, or when interrupted */
  readonly next: () => Promise<string | undefined>;
  readonly close: () => void;
}

/** @param prompt - shown where a line is expected */
export function createLineReader(prompt: string): LineReader {
  const lines: string[] = [];
  let isClosed = false;
  let wake: (() => void) | undefined;
  const reader = createInterface({ input: process.stdin, output: prompt === "" ? undefined : process.stdout, prompt });
  reader.on("line", (line) => {
    lines.push(line);
    wake?.();
  });
  reader.on("close", () => {
    isClosed = true;
    wake?.();
  });
  // readline takes Ctrl-C for itself while it has the terminal.
  reader.on("SIGINT", () => process.emit("SIGINT"));
  interruption.signal.addEventListener("abort", () => reader.close());
  if (interruption.signal.aborted) reader.close();
  return {
    next: async () => {
      if (prompt !== "" && !isClosed) reader.prompt(true);
      while (lines.length === 0 && !isClosed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return interruption.signal.aborted ? undefined : lines.shift();
    },
    close: () => reader.close(),
  };
}
