import { expect, test } from "vitest";
import { inputs, type KernelHarness, kernelHarnesses } from "../kernels/kernel-harness.ts";
import { makePanels } from "../kernels/panel-harness.ts";
import { panelRows, rowStride } from "../layout.ts";
import {
  makePanel,
  panelArguments,
  panelBytes,
  panelKernels,
  panelScratchBytes,
  panelSources,
  panelTypes,
} from "./panels.ts";

const epsilon = 1e-6;

/** Rows as a tensor has them: what is behind a row's columns is no number. */
function putRows({ room, put }: KernelHarness, rows: readonly Float32Array[]): number {
  const stride = rowStride(rows[0]!.length);
  room(64);
  const all = new Float32Array(rows.length * stride).fill(Number.NaN);
  for (const [i, row] of rows.entries()) all.set(row, i * stride);
  return put(all);
}

/** What a kernel makes of rows. */
function computeRows(
  harness: KernelHarness,
  source: (typeof panelSources)[number],
  rows: readonly Float32Array[],
  second: readonly Float32Array[],
  width: number,
): Float32Array[] {
  const columns = rows[0]!.length;
  return rows.map((row, i) => {
    if (source === "rows") return row;
    const [from, to] = [putRows(harness, [row]), harness.room(rowStride(columns) * 4)];
    if (source === "rmsNorm")
      harness.kernels.rmsNorm!(from, harness.put(second[0]!), to, columns / width, width, epsilon);
    else harness.kernels.gatedSilu!(from, putRows(harness, [second[i]!]), to, rowStride(columns) / 4);
    return harness.get(Float32Array, to, columns);
  });
}

for (const harness of await kernelHarnesses(panelKernels)) {
  test.for(panelTypes.flatMap((type) => panelSources.map((source) => ({ type, source }))))(
    `${harness.name}: panels of $type from $source, for any number of rows`,
    ({ type, source }) => {
      for (const [columns, width] of [
        [48, 12],
        [7, 7],
        [96, 96],
        [130, 10],
      ] as const) {
        for (let count = 1; count <= 12; count++) {
          harness.clear();
          const rows = Array.from({ length: count }, (_, i) => inputs("normal", columns, i + 1));
          const second =
            source === "rmsNorm"
              ? [inputs("normal", width, 50)]
              : Array.from({ length: count }, (_, i) => inputs("normal", columns, i + 20));
          const bytes = panelBytes(type, count, columns);
          const panel = harness.room(bytes + 64);
          const scratchBytes = panelScratchBytes(columns);
          const scratch = harness.room(scratchBytes + 64);
          const values: number[] = [];
          values[panelArguments.type] = panelTypes.indexOf(type);
          values[panelArguments.panel] = panel;
          values[panelArguments.rows] = putRows(harness, rows);
          values[panelArguments.stride] = rowStride(columns) * 4;
          values[panelArguments.count] = count;
          values[panelArguments.columns] = columns;
          values[panelArguments.source] = panelSources.indexOf(source);
          values[panelArguments.second] = source === "rmsNorm" ? harness.put(second[0]!) : putRows(harness, second);
          values[panelArguments.width] = width;
          values[panelArguments.epsilon] = epsilon;
          const thread = harness.thread(scratch);
          // The items in any order: threads take them.
          for (let item = Math.ceil(count / panelRows) - 1; item >= 0; item--)
            makePanel(thread, Float64Array.from(values), 0, item);
          const expected = makePanels(type, computeRows(harness, source, rows, second, width));
          expect(Buffer.compare(harness.get(Uint8Array, panel, bytes), expected)).toBe(0);
          for (const end of [panel + bytes, scratch + scratchBytes])
            expect(harness.get(Uint8Array, end, 64).every((byte) => byte === 0xff)).toBe(true);
        }
      }
    },
  );
}
