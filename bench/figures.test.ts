import { expect, test } from "vitest";
import { bestOf, figureValue, parseFigure, roomFor, taskOf } from "./figures.ts";
import { shapes } from "./shapes.ts";

const shape = shapes["0.5b"];
const pathOf = (length: number): string => `text-${length}`;

test("figures are read, with the bounds of what the shape can hold", () => {
  expect(parseFigure("decode@4096", shape)).toEqual({
    name: "decode@4096",
    kind: "decode",
    tokens: 4096,
    unit: "tok/s",
  });
  expect(parseFigure("load@second", shape)).toMatchObject({ kind: "load", unit: "s" });
  for (const text of [
    "decode",
    "decode@",
    "decode@0",
    "decode@-1",
    "decode@1e3",
    "load@third",
    "read@512",
    "decode@131073",
    "",
  ])
    expect(() => parseFigure(text, shape), text).toThrow(text);
  expect(() => parseFigure("memory@96", shape)).toThrow("memory@96 cannot be measured");
});

test("an answer always has room behind its text, up to the end of the largest window", () => {
  for (const text of ["decode@128", "decode@32768", "decode@131072", "memory@131072", "memory@4096"]) {
    const figure = parseFigure(text, shape);
    const task = taskOf(figure, shape, pathOf);
    if (task.kind !== "decode") throw new Error("not decoding");
    expect(task.text.length + (task.readOn ?? 0) + 50, text).toBe(roomFor(figure, shape));
    expect(roomFor(figure, shape), text).toBeLessThanOrEqual(131072);
  }
});

test("a window's memory is measured with its end read anew", () => {
  const task = taskOf(parseFigure("memory@131072", shape), shape, pathOf);
  const text = { length: 131072 - 50 - 2048, path: "text-128974" };
  expect(task).toEqual({ kind: "decode", text, longest: 131072, readOn: 2048 });
  expect(taskOf(parseFigure("memory@512", shape), shape, pathOf)).toMatchObject({ text: { length: 1 }, readOn: 461 });
});

test("a long prompt is kept for the answers behind it, a short text is not", () => {
  const read = taskOf(parseFigure("prefill@8192", shape), shape, pathOf);
  const answered = taskOf(parseFigure("decode@8192", shape), shape, pathOf);
  expect(read).toMatchObject({ save: { length: 8192, path: "text-8192" } });
  expect(answered).toMatchObject({ text: { length: 8192, path: "text-8192" } });
  expect(taskOf(parseFigure("prefill@131072", shape), shape, pathOf)).toMatchObject({ save: { length: 131022 } });
  expect(taskOf(parseFigure("prefill@512", shape), shape, pathOf)).toMatchObject({ save: undefined });
  expect(taskOf(parseFigure("decode@128", shape), shape, pathOf)).toMatchObject({ text: { path: undefined } });
});

test("a shorter text is read on as long as a longer one has the same encoding", () => {
  expect(taskOf(parseFigure("decode@16384", shape), shape, pathOf)).toMatchObject({ fromShorter: true });
  expect(taskOf(parseFigure("decode@32768", shape), shape, pathOf)).toMatchObject({ fromShorter: false });
});

test("values are in the figure's unit, and the best is the fastest or the smallest", () => {
  const measurement = { loadSeconds: 2, rates: [3, 9, 4], peakBytes: 2 ** 31 };
  const valueFor = (text: string): number => figureValue(parseFigure(text, shape), measurement);
  expect(["load@first", "prefill@512", "memory@512"].map(valueFor)).toEqual([2, 4, 2]);
  expect(bestOf(parseFigure("decode@128", shape), [1, 3, 2])).toBe(3);
  expect(bestOf(parseFigure("memory@512", shape), [1, 3, 2])).toBe(1);
});
