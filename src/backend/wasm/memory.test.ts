import fc from "fast-check";
import { expect, test } from "vitest";
import { SkeinError } from "../../errors.ts";
import { Memory } from "./memory.ts";

interface Piece {
  readonly address: number;
  readonly bytes: number;
  /** What all its bytes are. */
  readonly mark: number;
}

const choices = fc.array(
  fc.record({
    isFree: fc.boolean(),
    which: fc.nat(),
    bytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 3e5 })),
  }),
  { minLength: 10, maxLength: 120 },
);

const roundUp = (bytes: number) => Math.max(64, Math.ceil(bytes / 64) * 64);

test.for([0, 3])("pieces of memory %i never overlap, are aligned, and keep what is in them", (number) => {
  const memory = new Memory({ number }); // one for all runs: they leave it empty
  const base = number * 2 ** 32;
  fc.assert(
    fc.property(choices, (steps) => {
      const pieces: Piece[] = [];
      const check = ({ address, bytes, mark }: Piece) => {
        if (bytes === 0) return;
        const view = memory.bytes(address, bytes);
        expect([view[0], view[bytes >> 1], view[bytes - 1]]).toEqual([mark, mark, mark]);
      };
      for (const [i, { isFree, which, bytes }] of steps.entries()) {
        if (isFree && pieces.length > 0) {
          const [piece] = pieces.splice(which % pieces.length, 1) as [Piece];
          check(piece);
          memory.free(piece.address, piece.bytes);
          continue;
        }
        const piece = { address: memory.allocate(bytes), bytes, mark: i % 256 };
        expect(piece.address % 64).toBe(0);
        expect(piece.address).toBeGreaterThan(base);
        expect(piece.address + bytes).toBeLessThanOrEqual(base + memory.byteLength);
        for (const other of pieces) {
          const isApart =
            piece.address >= other.address + roundUp(other.bytes) || other.address >= piece.address + bytes;
          expect(isApart).toBe(true);
        }
        memory.bytes(piece.address, bytes).fill(piece.mark);
        pieces.push(piece);
      }
      for (const piece of pieces) {
        check(piece);
        memory.free(piece.address, piece.bytes);
      }
      // All is one piece again: nothing is lost by any order of freeing.
      const whole = memory.byteLength - 64;
      const before = memory.byteLength;
      const start = memory.allocate(Math.max(64, whole - 65536));
      expect([start, memory.byteLength]).toEqual([base + 64, before]);
      memory.free(start, Math.max(64, whole - 65536));
    }),
    { numRuns: 60 },
  );
});

test("freed pieces join their neighbours, on both sides, and are used again before memory grows", () => {
  const memory = new Memory();
  const addresses = Array.from({ length: 5 }, () => memory.allocate(20_000));
  const size = memory.byteLength;
  for (const i of [1, 3, 2]) memory.free(addresses[i]!, 20_000);
  expect(memory.allocate(3 * 20_032)).toBe(addresses[1]);
  memory.free(addresses[1]!, 3 * 20_032);
  expect(memory.allocate(64)).toBe(addresses[1]);
  expect(memory.allocate(64)).toBe(addresses[1]! + 64);
  expect(memory.byteLength).toBe(size);
});

test("a free piece at the end is grown, not left behind", () => {
  const memory = new Memory();
  const first = memory.allocate(64);
  const last = memory.allocate(100_000);
  memory.free(last, 100_000);
  expect(memory.allocate(300_000)).toBe(last);
  expect(memory.byteLength).toBeLessThanOrEqual(first + 64 + 300_000 + 65536);
});

test("a piece is made longer where there is room, and its old place is free; without memory it is empty", () => {
  const memory = new Memory();
  const piece = { address: 0, bytes: 0 };
  memory.enlarge(piece, 1000);
  const first = piece.address;
  memory.allocate(64); // what is behind it
  memory.enlarge(piece, 500);
  expect(piece).toEqual({ address: first, bytes: 1000 });
  memory.enlarge(piece, 2000);
  expect(piece.address).toBeGreaterThan(first);
  expect(memory.allocate(1000)).toBe(first);
  expect(() => memory.enlarge(piece, 2 ** 40)).toThrow(SkeinError);
  expect(piece.bytes).toBe(0);
  memory.enlarge(piece, 64);
  expect(memory.allocate(64)).not.toBe(piece.address);
});

test("a view stays valid when memory grows", () => {
  const memory = new Memory();
  const address = memory.allocate(8);
  const [bytes, floats] = [memory.bytes(address, 8), memory.floats(address, 2)];
  memory.allocate(10 * 2 ** 20);
  floats.set([1.5, -2]);
  expect([...memory.floats(address, 2)]).toEqual([1.5, -2]);
  expect([...bytes]).toEqual([...memory.bytes(address, 8)]);
});

test.for([4 * 2 ** 30, 2 ** 52])("%i bytes cannot be had; what there is stays usable", (bytes) => {
  const memory = new Memory();
  expect(memory.hasRoom(bytes)).toBe(false);
  const first = memory.allocate(1000);
  const [size, free] = [memory.byteLength, memory.allocate(1000)];
  memory.free(free, 1000);
  let error: unknown;
  try {
    memory.allocate(bytes);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(SkeinError);
  expect((error as SkeinError).code).toBe("out_of_memory");
  expect((error as SkeinError).message).toMatch(/^no memory: \d+ MiB were needed/);
  expect(memory.byteLength).toBe(size);
  expect(memory.allocate(1000)).toBe(free);
  expect(first).not.toBe(free);
});
