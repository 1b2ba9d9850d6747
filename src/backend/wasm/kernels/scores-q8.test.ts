import { expect, test } from "vitest";
import { alone, kernelHarnesses, normalNumbers } from "./kernel-harness.ts";
import { mostRows, scoreRowBytes, workspace } from "./row-records.ts";
import { scoresQ8 } from "./scores-q8.ts";
import { groupHeaderBytes, groupsPerTile, queryOffset, tileTokens } from "./tile-layout.ts";

interface Keys {
  /** [128][width] */
  readonly numbers: Int8Array;
  readonly scales: Float32Array;
}

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses(scoresQ8.map(alone))) {
  const kinds: Readonly<Record<string, { query: (i: number) => number; key: (i: number) => number }>> = {
    random: {
      query: (i) => (Math.imul(i, 40503) >>> 5) % 128,
      key: (i) => ((Math.imul(i, 2654435761) >>> 9) % 255) - 127,
    },
    largest: { query: () => 127, key: () => 127 },
    lowest: { query: () => 127, key: () => -127 },
    "zero offset": { query: () => queryOffset, key: (i) => (i % 255) - 127 },
  };

  const cases = Object.keys(kinds).flatMap((kind) => [
    [kind, 1],
    [kind, 2],
  ]) as [string, 1 | 2][];

  test.for(cases)(`${name}: scores of %s bytes in %i planes are exact but for the scale`, ([kind, planes]) => {
    const { query, key } = kinds[kind]!;
    const normal = normalNumbers();
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const width of [16, 48, 128]) {
        clear();
        // The lower plane has a place of its own, and 6 bits.
        const [upper, lower] = [rows * width, planes === 2 ? mostRows * width : 0];
        const queries = new Uint8Array(planes === 1 ? upper : lower + upper);
        for (let i = 0; i < upper; i++) {
          queries[i] = query(i);
          if (planes === 2) queries[lower + i] = query(i + 3) & 63;
        }
        const keys: Keys = {
          numbers: Int8Array.from({ length: tileTokens * width }, (_, i) => key(i)),
          scales: Float32Array.from({ length: tileTokens }, (_, i) => (i === 5 ? 0 : normal() ** 2 * 10 ** (i % 9))),
        };
        const expected = new Float32Array(rows * tileTokens);
        for (let row = 0; row < rows; row++) {
          for (let i = 0; i < tileTokens; i++) {
            let sum = 0;
            for (let channel = 0; channel < width; channel++) {
              const inQueries = (Math.floor(channel / 4) * rows + row) * 4 + (channel % 4);
              const number = queries[inQueries]! - queryOffset;
              const whole = planes === 1 ? number : 64 * number + queries[lower + inQueries]!;
              sum += whole * keys.numbers[i * width + channel]!;
            }
            expected[row * tileTokens + i] = Math.fround(sum) * keys.scales[i]!;
          }
        }
        const work = room(workspace.bytes);
        kernels[`scoresQ8Rows${rows}Alone`]!(put(queries), put(inGroups(keys, width)), work, width, planes);
        expect(get(Float32Array, work, (rows * scoreRowBytes) / 4), `${rows} rows, width ${width}`).toEqual(expected);
      }
    }
  });
}

function inGroups({ numbers, scales }: Keys, width: number): Uint8Array {
  const groupBytes = groupHeaderBytes + 8 * width;
  const out = new DataView(new ArrayBuffer(groupsPerTile * groupBytes));
  for (let key = 0; key < tileTokens; key++) {
    const group = Math.floor(key / 8) * groupBytes;
    const lane = key % 8;
    const row = numbers.subarray(key * width, (key + 1) * width);
    out.setFloat32(group + lane * 4, scales[key]!, true);
    out.setInt32(group + 32 + lane * 4, -queryOffset * row.reduce((a, b) => a + b, 0), true);
    row.forEach((number, channel) => {
      const at = group + groupHeaderBytes + (Math.floor(channel / 4) * 8 + lane) * 4 + (channel % 4);
      out.setInt8(at, number);
    });
  }
  return new Uint8Array(out.buffer);
}
