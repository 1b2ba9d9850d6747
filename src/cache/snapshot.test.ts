import fc from "fast-check";
import { expect, test } from "vitest";
import { SkeinError } from "../errors.ts";
import { encodeSnapshot, SnapshotReader } from "./snapshot.ts";

const payloads = [new Uint8Array([1, 2, 3, 4]), new Uint8Array(1000).fill(7), new Uint8Array([9])];

async function encode(): Promise<Uint8Array<ArrayBuffer>> {
  async function* source(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield* payloads;
  }
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of encodeSnapshot({ name: "header", n: 1 }, source())) pieces.push(piece);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function decode(bytes: Uint8Array<ArrayBuffer>): Promise<{ header: unknown; payloads: Uint8Array[] }> {
  const { reader, header } = await SnapshotReader.open(new Blob([bytes]));
  const read = [];
  for (const { length } of payloads) read.push(await reader.next(length));
  await reader.end();
  return { header, payloads: read };
}

const file = await encode();

test("what was written is read", async () => {
  expect(await decode(file)).toEqual({ header: { name: "header", n: 1 }, payloads });
});

test("whatever byte is changed, it is found", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), async (index, change) => {
      const damaged = file.slice();
      damaged[index]! ^= change;
      await expect(decode(damaged)).rejects.toBeInstanceOf(SkeinError);
    }),
    { numRuns: 300 },
  );
});

test("wherever it is cut off, or if something follows, it is found", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: file.length - 1 }), async (length) => {
      await expect(decode(file.slice(0, length))).rejects.toMatchObject({ code: "invalid_snapshot" });
    }),
  );
  await expect(decode(new Uint8Array([...file, 0]))).rejects.toThrow(/more bytes than it says/);
});

test("a part that claims to be huge asks for no memory", async () => {
  const hostile = file.slice();
  new DataView(hostile.buffer).setUint32(8, 0xffffffff, true);
  await expect(decode(hostile)).rejects.toThrow(/4294967295 bytes where at most/);
});

test("another file is no saved session, nor is one of another version", async () => {
  await expect(SnapshotReader.open(new Blob(["SKEINSE1 and more"]))).rejects.toThrow(/not a session saved by Skein/);
  await expect(SnapshotReader.open(new Blob([]))).rejects.toThrow(/not a session saved by Skein/);
});
