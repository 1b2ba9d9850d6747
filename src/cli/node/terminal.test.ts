import { afterEach, expect, test, vi } from "vitest";
import { copyable, describeForDebugging, printable, writeAnswer } from "./terminal.ts";

const isTTY = Object.getOwnPropertyDescriptor(process.stdout, "isTTY");
afterEach(() => {
  vi.restoreAllMocks();
  if (isTTY) Object.defineProperty(process.stdout, "isTTY", isTTY);
  else Reflect.deleteProperty(process.stdout, "isTTY");
});

test.each([
  [true, "a\ufffd[2J\n\tb\ufffd\ufffd 👩‍👧"],
  [false, "a\u001b[2J\r\n\tb\u009b\u007f 👩‍👧"],
])("a model's text has no control characters at a terminal alone: %s", async (isSeen, shown) => {
  const written: unknown[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(text) > 0);
  Object.defineProperty(process.stdout, "isTTY", { value: isSeen, configurable: true });
  await writeAnswer("a\u001b[2J\r\n\tb\u009b\u007f 👩‍👧");
  expect(written).toEqual([shown]);
});

test.each([
  [true, "a\ufffd[2J\n\t\ufffd\ufffd\ufffd 👩‍👧\u00ad\ue000"],
  [false, "a\u001b[2J\n\t\u009b\u202e\u2066 👩‍👧\u00ad\ue000"],
])("a command to be copied keeps its name's letters, and has no controls at a terminal alone: %s", (isSeen, shown) => {
  Object.defineProperty(process.stdout, "isTTY", { value: isSeen, configurable: true });
  expect(copyable("a\u001b[2J\n\t\u009b\u202e\u2066 👩‍👧\u00ad\ue000")).toBe(shown);
});

test("text of strangers keeps its lines, and nothing that a terminal takes for more than text", () => {
  expect(printable("a\n\tb\u001b]0;x\u0007\u009b2J\u202e\u2028模型")).toBe(
    "a\n\tb\ufffd]0;x\ufffd\ufffd2J\ufffd\ufffd模型",
  );
  const lines = describeForDebugging(new Error("a\u009b2J\u202e", { cause: new Error("\u001b[2J") }));
  expect(lines).toMatch(/a\ufffd2J\ufffd\n +at /);
  expect(lines.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
});
