import { expect, test } from "vitest";
import { panelRows } from "../layout.ts";
import { panelBlockBytes } from "../operations/panels.ts";
import { inputKinds, inputs, type KernelHarness, kernelHarnesses } from "./kernel-harness.ts";
import { type IntegerPanel, makePanel, quantisedActivations, quantisings } from "./panel-harness.ts";
import { panelFloat32, panelInt14, panelInt15, panelShared } from "./panels.ts";

const kernelOf = { shared: panelShared, int14: panelInt14, int15: panelInt15, f32: panelFloat32 } as const;
type PanelType = keyof typeof kernelOf;

/** The panel of a tile, and whether bytes after it stayed as they were. */
function storePanel({ kernels, put, room, get }: KernelHarness, type: PanelType, rows: readonly Float32Array[]) {
  const columns = rows[0]!.length;
  const bytes = rows.length * Math.ceil(columns / 32) * panelBlockBytes[type];
  const panel = room(bytes + 64);
  const scratch = room(128 + 64);
  // The rows stand before a page of NaN: what is behind a row's end must not be read as a number.
  for (const [index, row] of rows.entries())
    kernels[kernelOf[type].name]!(put(row), panel, index, rows.length, columns, scratch);
  const isKept = [panel + bytes, scratch + 128].every((end) => get(Uint8Array, end, 64).every((byte) => byte === 0xff));
  return { panel: get(Uint8Array, panel, bytes), isKept };
}

/** The first integers of the only row of a panel, in steps of 1. */
function firstIntegers(type: IntegerPanel, panel: Uint8Array<ArrayBuffer>): number[] {
  if (type === "shared") {
    const [own, shared] = [new Int8Array(panel.buffer, 8, 8), new Int8Array(panel.buffer, 40, 4)];
    return [...own].map((number, i) => number + ((i < 4 ? 1 : 7) * shared[i % 4]!) / 64);
  }
  if (type === "int14") return Array.from({ length: 8 }, (_, i) => 128 * panel[4 + i]! + panel[36 + i]! - 8192);
  const high = new Int8Array(panel.buffer, 16, 8);
  return [...high].map((number, i) => 128 * number + panel[48 + i]!);
}

/** Rows in which blocks of one kind stand beside blocks of another. */
function mixed(columns: number, seed: number): Float32Array {
  const kinds = inputKinds.map((kind) => inputs(kind, columns, seed));
  return Float32Array.from({ length: columns }, (_, i) => kinds[(Math.floor(i / 32) + seed) % kinds.length]![i]!);
}

for (const harness of await kernelHarnesses([panelShared, panelInt14, panelInt15, panelFloat32])) {
  test.for(["shared", "int14", "int15", "f32"] as const)(
    `${harness.name}: a panel of %s is what its drawing says, for all sizes of tiles and rows`,
    (type) => {
      for (let count = 1; count <= panelRows; count++) {
        for (const columns of [1, 2, 31, 32, 33, 63, 64, 65, 160, 197]) {
          harness.clear();
          const rows = Array.from({ length: count }, (_, i) => mixed(columns, i + count));
          expect(storePanel(harness, type, rows)).toEqual({ panel: makePanel(type, rows), isKept: true });
        }
      }
    },
  );

  test.for(["int14", "int15"] as const)(
    `${harness.name}: the largest number of a block becomes the largest %s, ties go to even`,
    (type) => {
      harness.clear();
      const { largest } = quantisings[type];
      const row = Float32Array.from({ length: 32 }, (_, i) => [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -largest, 0][i % 8]!);
      const { panel } = storePanel(harness, type, [row]);
      const first = firstIntegers(type, panel);
      expect(first).toEqual([0, 2, 2, 0, -2, -2, -largest, 0]);
      expect(new Float32Array(panel.buffer, 0, 1)[0]).toBe(1);
    },
  );

  test(`${harness.name}: the largest number of a block becomes the largest of pairs, and points of the lattice stay what they are`, () => {
    harness.clear();
    const [first, second] = [
      [0, 1 / 64, 9 / 64, 123],
      [0, 7 / 64, -1 / 64, -123],
    ];
    const row = Float32Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? first : second)[i % 4]!);
    const { panel } = storePanel(harness, "shared", [row]);
    expect(firstIntegers("shared", panel)).toEqual([...first, ...second]);
    expect(new Float32Array(panel.buffer, 0, 1)[0]).toBe(1 / 64);
  });

  test.for(["shared", "int14", "int15"] as const)(
    `${harness.name}: numbers next to the ends of float32 make %s that fit`,
    (type) => {
      const least = 2 ** -149;
      const most = (2 - 2 ** -23) * 2 ** 127;
      for (const top of [least, 2 ** -126, 4e-37, 1e-34, 1e-33, most, -most]) {
        harness.clear();
        const row = Float32Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? top : top / 3));
        expect(storePanel(harness, type, [row])).toEqual({ panel: makePanel(type, [row]), isKept: true });
      }
    },
  );

  // Whoever reads the output must see that something went wrong: never a number in the place of none.
  test.for(["shared", "int14", "int15"] as const)(
    `${harness.name}: an infinite number, or none, spoils the scale of its block of %s`,
    (type) => {
      for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
        for (let place = 0; place < 32; place++) {
          harness.clear();
          const row = inputs("normal", 64);
          row[place] = bad;
          const scales = new DataView(storePanel(harness, type, [row]).panel.buffer);
          expect(scales.getFloat32(0, true), `${bad} at ${place}`).not.toSatisfy(Number.isFinite);
          expect(scales.getFloat32(panelBlockBytes[type], true)).toSatisfy(Number.isFinite);
        }
      }
    },
  );
}

test("pairs are an eighth as far from the numbers as 8 bits are, in the root of the mean square", () => {
  const row = inputs("normal", 32 * 1000);
  const { scales, integers } = quantisedActivations("shared", row);
  let [error, coarse] = [0, 0];
  for (const [i, value] of row.entries()) {
    const step = scales[i >> 5]! * 64;
    error += (value - scales[i >> 5]! * integers[i]!) ** 2;
    coarse += (value - step * Math.round(value / step)) ** 2;
  }
  expect(Math.sqrt(error / coarse)).toBeLessThan(0.13);
});
