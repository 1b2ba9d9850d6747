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
  const isTyped = prompt !== "";
  const reader = createInterface({ input: process.stdin, output: isTyped ? process.stdout : undefined, prompt });
  reader.on("line", (line) => {
    lines.push(line);
    // A pipe may bring more than memory takes. Where somebody types, keys are heard all the time: Ctrl-C is one of them.
    if (!isTyped && !isClosed) reader.pause();
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
      if (isTyped && !isClosed) reader.prompt(true);
      while (lines.length === 0 && !isClosed) {
        reader.resume();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return interruption.signal.aborted ? undefined : lines.shift();
    },
    close: () => {
      reader.close();
      // A pipe that was paused is read on into its buffer, which keeps the process alive.
      if (!isTyped) process.stdin.destroy();
    },
  };
}
