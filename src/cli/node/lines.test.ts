import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { createLineReader } from "./lines.ts";

const own = Object.getOwnPropertyDescriptor(process, "stdin")!;
afterEach(() => {
  Object.defineProperty(process, "stdin", own);
});

test("a pipe is read no faster than its lines are asked for, and to its end", async () => {
  let sent = 0;
  const input = Readable.from(
    (function* () {
      while (sent < 1000) yield `${sent++}\n`;
    })(),
  );
  Object.defineProperty(process, "stdin", { value: input, configurable: true });
  const lines = createLineReader("");
  expect(await lines.next()).toBe("0");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(sent).toBeLessThan(100);
  for (let line = 1; line < 1000; line++) expect(await lines.next()).toBe(String(line));
  expect(await lines.next()).toBeUndefined();
});
