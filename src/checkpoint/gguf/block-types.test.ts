import { expect, test } from "vitest";
import { createRandom } from "../../sampling/random.ts";
import { blockTypes } from "./block-types.ts";

/*
 * The same a second time, run after run as ggml's dequantize_row_* go over a block; what is tested computes number by number. That llama.cpp reads the same from
 * files is shown by bench/peers.
 */
type Reader = (bytes: Uint8Array, half: (offset: number) => number) => number[];

const iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

const halves = (bytes: Uint8Array, start: number, of: (integer: number, i: number) => number): number[] => {
  const low = Array.from({ length: 16 }, (_, i) => of(bytes[start + i]! % 16, i));
  return [...low, ...Array.from({ length: 16 }, (_, i) => of(Math.floor(bytes[start + i]! / 16), 16 + i))];
};

const scalesOfK = (bytes: Uint8Array): [number, number][] =>
  Array.from({ length: 8 }, (_, j) => {
    const q = bytes.subarray(4, 16);
    if (j < 4) return [q[j]! & 63, q[j + 4]! & 63];
    return [(q[j + 4]! & 0xf) | ((q[j - 4]! >> 6) << 4), (q[j + 4]! >> 4) | ((q[j]! >> 6) << 4)];
  });

const readers: Readonly<Record<string, Reader>> = {
  Q4_0: (bytes, half) => halves(bytes, 2, (q) => (q - 8) * half(0)),
  Q4_1: (bytes, half) => halves(bytes, 4, (q) => q * half(0) + half(2)),
  Q5_0: (bytes, half) => {
    const bit = (i: number) => (bytes[2 + (i >> 3)]! >> (i & 7)) & 1;
    return halves(bytes, 6, (q, i) => (q + 16 * bit(i) - 16) * half(0));
  },
  Q5_1: (bytes, half) => {
    const bit = (i: number) => (bytes[4 + (i >> 3)]! >> (i & 7)) & 1;
    return halves(bytes, 8, (q, i) => (q + 16 * bit(i)) * half(0) + half(2));
  },
  Q8_0: (bytes, half) => Array.from(new Int8Array(bytes.buffer, 2, 32), (q) => q * half(0)),
  Q2_K: (bytes, half) => {
    const y: number[] = [];
    let is = 0;
    for (let q = 16; q < 80; q += 32) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (const from of [0, 16]) {
          const sc = bytes[is++]!;
          for (let l = 0; l < 16; l++)
            y.push(half(80) * (sc & 0xf) * ((bytes[q + from + l]! >> shift) & 3) - half(82) * (sc >> 4));
        }
      }
    }
    return y;
  },
  Q3_K: (bytes, half) => {
    const view = new DataView(bytes.buffer);
    const aux = [0, 1, 2].map((i) => view.getUint32(96 + 4 * i, true));
    const [mask1, mask2] = [0x03030303, 0x0f0f0f0f];
    const tmp = aux[2]!;
    const packed = Uint32Array.of(
      (aux[0]! & mask2) | (((tmp >>> 0) & mask1) << 4),
      (aux[1]! & mask2) | (((tmp >>> 2) & mask1) << 4),
      ((aux[0]! >>> 4) & mask2) | (((tmp >>> 4) & mask1) << 4),
      ((aux[1]! >>> 4) & mask2) | (((tmp >>> 6) & mask1) << 4),
    );
    const scales = new Int8Array(packed.buffer);
    const y: number[] = [];
    let [is, m] = [0, 1];
    for (let q = 32; q < 96; q += 32) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (const from of [0, 16]) {
          const dl = half(108) * (scales[is++]! - 32);
          for (let l = from; l < from + 16; l++)
            y.push(dl * (((bytes[q + l]! >> shift) & 3) - ((bytes[l]! & m) !== 0 ? 0 : 4)));
        }
        m <<= 1;
      }
    }
    return y;
  },
  Q4_K: (bytes, half) => {
    const y: number[] = [];
    for (let [q, is] = [16, 0]; q < 144; q += 32, is += 2) {
      const [[sc1, m1], [sc2, m2]] = scalesOfK(bytes).slice(is, is + 2) as [[number, number], [number, number]];
      for (let l = 0; l < 32; l++) y.push(half(0) * sc1 * (bytes[q + l]! & 0xf) - half(2) * m1);
      for (let l = 0; l < 32; l++) y.push(half(0) * sc2 * (bytes[q + l]! >> 4) - half(2) * m2);
    }
    return y;
  },
  Q5_K: (bytes, half) => {
    const y: number[] = [];
    for (let [q, is, u1, u2] = [48, 0, 1, 2]; q < 176; q += 32, is += 2, u1 <<= 2, u2 <<= 2) {
      const [[sc1, m1], [sc2, m2]] = scalesOfK(bytes).slice(is, is + 2) as [[number, number], [number, number]];
      const fifth = (l: number, u: number): number => ((bytes[16 + l]! & u) !== 0 ? 16 : 0);
      for (let l = 0; l < 32; l++) y.push(half(0) * sc1 * ((bytes[q + l]! & 0xf) + fifth(l, u1)) - half(2) * m1);
      for (let l = 0; l < 32; l++) y.push(half(0) * sc2 * ((bytes[q + l]! >> 4) + fifth(l, u2)) - half(2) * m2);
    }
    return y;
  },
  Q6_K: (bytes, half) => {
    const y = new Array<number>(256);
    const sc = new Int8Array(bytes.buffer, 192, 16);
    for (let n = 0; n < 2; n++) {
      const [ql, qh] = [bytes.subarray(64 * n), bytes.subarray(128 + 32 * n)];
      for (let l = 0; l < 32; l++) {
        const is = 8 * n + (l >> 4);
        const q1 = ((ql[l]! & 0xf) | ((qh[l]! & 3) << 4)) - 32;
        const q2 = ((ql[l + 32]! & 0xf) | (((qh[l]! >> 2) & 3) << 4)) - 32;
        const q3 = ((ql[l]! >> 4) | (((qh[l]! >> 4) & 3) << 4)) - 32;
        const q4 = ((ql[l + 32]! >> 4) | (((qh[l]! >> 6) & 3) << 4)) - 32;
        for (const [i, q] of [q1, q2, q3, q4].entries()) y[128 * n + 32 * i + l] = half(208) * sc[is + 2 * i]! * q;
      }
    }
    return y;
  },
  IQ4_NL: (bytes, half) => halves(bytes, 2, (q) => iq4[q]! * half(0)),
  IQ4_XS: (bytes, half) => {
    const upper = bytes[2]! + 256 * bytes[3]!;
    return Array.from({ length: 8 }, (_, ib) => {
      const low = ib % 2 === 0 ? bytes[4 + ib / 2]! & 0xf : bytes[4 + (ib - 1) / 2]! >> 4;
      const scale = half(0) * ((low | (((upper >> (2 * ib)) & 3) << 4)) - 32);
      return halves(bytes, 8 + 16 * ib, (q) => iq4[q]! * scale);
    }).flat();
  },
};

/** Where a type has its float16s. */
const float16s: Readonly<Record<string, readonly number[]>> = {
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

test("all types are compared", () => {
  expect([...blockTypes.values()].map(({ name }) => name).sort()).toEqual(Object.keys(readers).sort());
});

test.for([...blockTypes.values()])("$name: random blocks, and those whose bits are all set or none", (type) => {
  const random = createRandom(7);
  for (let turn = 0; turn < 200; turn++) {
    const fill = turn === 0 ? 0 : turn === 1 ? 255 : undefined;
    const bytes = Uint8Array.from({ length: type.bytes }, () => fill ?? Math.floor(random.next() * 256));
    const view = new DataView(bytes.buffer);
    for (const offset of float16s[type.name] ?? [0]) view.setFloat16(offset, (random.next() - 0.5) * 0.1, true);
    // Somewhere among others, at an odd address.
    const among = new DataView(Uint8Array.of(9, ...new Uint8Array(type.bytes).fill(0x5a), ...bytes, 9).buffer);
    const all = new Float32Array(type.numbers + 5).fill(7);
    type.dequantise(among, 1 + type.bytes, all, 3);
    const out = all.subarray(3, -2);
    expect([...all.subarray(0, 3), ...all.subarray(-2)]).toEqual(Array(5).fill(7));
    const expected = readers[type.name]!(bytes, (offset) => view.getFloat16(offset, true));
    expect([...out]).toEqual(expected.map(Math.fround));
  }
});
