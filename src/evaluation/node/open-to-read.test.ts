import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openToRead } from "./open-to-read.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-open-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(path: string, signal?: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of await openToRead(path, signal)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("a file comes as it is; what cannot be read is the system's error", async () => {
  const path = join(folder, "file");
  await writeFile(path, "text");
  expect(await read(path)).toBe("text");
  await expect(read(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  await expect(read(folder)).rejects.toMatchObject({ code: "EISDIR" });
  const stop = new AbortController();
  const pieces = await openToRead(path, stop.signal);
  stop.abort();
  await expect(pieces[Symbol.asyncIterator]().next()).rejects.toMatchObject({ name: "AbortError" });
  await expect(read(path, stop.signal)).rejects.toThrow(stop.signal.reason);
});

describe.skipIf(process.platform === "win32")("a named pipe", () => {
  let pipe: string;
  beforeEach(() => {
    pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
  });

  test("is read to its end", async () => {
    const whole = read(pipe);
    await writeFile(pipe, "a".repeat(200_000));
    expect(await whole).toHaveLength(200_000);
    const nothing = read(pipe);
    await writeFile(pipe, "");
    expect(await nothing).toBe("");
  });

  test.each([0, 1, 50, 200])("that nobody writes to is let go of, %s ms after it is opened", async (milliseconds) => {
    const stop = new AbortController();
    const reading = read(pipe, stop.signal);
    if (milliseconds > 0) await new Promise((wake) => setTimeout(wake, milliseconds));
    stop.abort();
    await expect(reading).rejects.toThrow(stop.signal.reason);
    // Nobody has it open for reading, or waits for that.
    await expect(open(pipe, constants.O_WRONLY | constants.O_NONBLOCK)).rejects.toMatchObject({ code: "ENXIO" });
  });

  test("that somebody holds and writes nothing to is let go of", async () => {
    const stop = new AbortController();
    const reading = read(pipe, stop.signal);
    await using writer = await open(pipe, "w");
    setTimeout(() => stop.abort(), 100);
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect(writer.write("a")).rejects.toMatchObject({ code: "EPIPE" }); // nor does a thread read
  });
});
