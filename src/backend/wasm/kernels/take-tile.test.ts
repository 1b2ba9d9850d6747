import { expect, test } from "vitest";
import { defineKernel } from "../builder/kernel.ts";
import { allTargets } from "../builder/target.ts";
import { lineBytes } from "../layout.ts";
import { kernelHarnesses, memoryBytes } from "./kernel-harness.ts";
import { takeTile } from "./take-tile.ts";

/** Copies the first line of a tile, from wherever it was taken to. */
const firstLine = defineKernel(
  "firstLine",
  { tile: "far", room: "address", lines: "i32", sink: "address", out: "address" },
  (code, { out, ...place }) => {
    const tile = takeTile(code, place);
    for (let offset = 0; offset < lineBytes; offset += 16) code.store(out, code.load(tile, offset), offset);
  },
);

for (const { name, kernels, memory, room, get, far, clear } of await kernelHarnesses([firstLine], allTargets)) {
  test(`${name}: a tile is read where it lies, or where it was brought to`, () => {
    clear();
    const tile = Uint8Array.from({ length: 3 * lineBytes }, (_, i) => i);
    const [place, out] = [room(tile.length + lineBytes), room(lineBytes)];
    kernels.firstLine!(far.put(tile), place, 3, room(16), out);
    expect(get(Uint8Array, out, lineBytes)).toEqual(tile.subarray(0, lineBytes));
    expect(get(Uint8Array, place + tile.length, lineBytes).every((byte) => byte === 0xff)).toBe(true);
  });

  test(`${name}: one that was just written is in its room already, also at an address that the other memory does not have`, () => {
    clear();
    if (memory.buffer.byteLength === memoryBytes) memory.grow(1);
    const line = Uint8Array.from({ length: lineBytes }, (_, i) => 100 + i);
    new Uint8Array(memory.buffer).set(line, memoryBytes);
    const out = room(lineBytes);
    kernels.firstLine!(memoryBytes, memoryBytes, 0, room(16), out);
    expect(get(Uint8Array, out, lineBytes)).toEqual(line);
  });
}
