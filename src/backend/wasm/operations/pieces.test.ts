import fc from "fast-check";
import { expect, test } from "vitest";
import { countPieces, pieceOf } from "./pieces.ts";

const piecesOf = (cut: Parameters<typeof countPieces>[0]) =>
  Array.from({ length: countPieces(cut) }, (_, item) => pieceOf(cut, item));

test("pieces follow each other, from the first output to the last", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 0, max: 64 }),
      fc.integer({ min: 1, max: 50 }),
      (groups, sharers, short) => {
        let next = 0;
        for (const piece of piecesOf({ groups, sharers, short })) {
          expect(piece.first).toBe(next);
          expect(piece.groups).toBeGreaterThan(0);
          next += piece.groups;
        }
        expect(next).toBe(groups);
      },
    ),
  );
});

test("for one row they become shorter, round by round", () => {
  const sizes = piecesOf({ groups: 1000, sharers: 2, short: 15 }).map(({ groups }) => groups);
  expect(sizes).toEqual([375, 375, 93, 93, 24, 24, 8, 8]);
});

test("for several rows they are equal but for the last", () => {
  const sizes = piecesOf({ groups: 10, sharers: 0, short: 4 }).map(({ groups }) => groups);
  expect(sizes).toEqual([4, 4, 2]);
});

test("a matrix that is shorter than a piece is shared all the same", () => {
  expect(piecesOf({ groups: 5, sharers: 2, short: 40 }).map(({ groups }) => groups)).toEqual([3, 2]);
});
