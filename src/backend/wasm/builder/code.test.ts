import { expect, test } from "vitest";
import { kernelHarnesses } from "../kernels/kernel-harness.ts";
import { buildModule, defineInner, defineKernel } from "./kernel.ts";
import { f32x4, i8x16, i32, v128 } from "./values.ts";

const repeats = defineKernel("repeats", { times: "i32", out: "address" }, (code, { times, out }) => {
  const count = code.local("i32", i32.const(0));
  code.repeat(times, () => code.set(count, i32.add(count, i32.const(1))));
  code.storeI32(out, count);
});

const dots = defineKernel("dots", { signed: "address", small: "address", out: "address" }, (code, given) => {
  const [signed, small] = [code.local("v128", code.load(given.signed)), code.local("v128", code.load(given.small))];
  code.store(given.out, code.dotBytes(signed, small, v128.zero));
});

/** Eight dot products of the same bytes, added to `start`. */
const smallDots = defineKernel(
  "smallDots",
  { signed: "address", small: "address", start: "address", out: "address" },
  (code, given) => {
    const [signed, small] = [code.local("v128", code.load(given.signed)), code.local("v128", code.load(given.small))];
    const sum = code.local("v128", code.load(given.start));
    code.sumSmallDots([sum], (add) => {
      for (let i = 0; i < 8; i++) add(sum, signed, small);
    });
    code.store(given.out, sum);
  },
);

const numbers = [-0, 2 ** -149, -(2 ** -126), 0.1, 3e38, Number.POSITIVE_INFINITY, Number.NaN];

/** Stores each number as it stands in the text. */
const constants = defineKernel("constants", { out: "address" }, (code, { out }) => {
  const to = code.local("address", out);
  for (const number of numbers) {
    code.store(to, code.constant(f32x4.const(number)));
    code.advance(to, 16);
  }
});

const places = defineKernel("places", { a: "address", bytes: "i32", out: "address" }, (code, { a, bytes, out }) => {
  code.store(out, code.load(code.offset(a, bytes)));
  code.store(out, code.load(code.back(code.offset(a, bytes), bytes)), 16);
  code.storeI32(out, code.isBelow(a, code.offset(a, bytes)), 32);
});

for (const { name, kernels, put, room, get } of await kernelHarnesses([repeats, dots, smallDots, constants, places])) {
  test(`${name}: a loop runs as often as it is told, and not at all for 0`, () => {
    for (const times of [0, 1, 7]) {
      const out = room(4);
      kernels.repeats!(times, out);
      expect(get(Int32Array, out, 1)[0]).toBe(times);
    }
  });

  test(`${name}: dot products of bytes are exact at the ends of their ranges`, () => {
    for (const signed of [-128, 127]) {
      const out = room(16);
      kernels.dots!(put(new Int8Array(16).fill(signed)), put(new Int8Array(16).fill(127)), out);
      expect([...get(Int32Array, out, 4)]).toEqual(Array(4).fill(4 * 127 * signed));
    }
  });

  test(`${name}: so are sums of small dot products, as large as they may become`, () => {
    for (const signed of [-128, -127, 127]) {
      const out = room(16);
      const start = [0, -1, 2 ** 30, -(2 ** 30)];
      const bytes = [new Int8Array(16).fill(signed), new Int8Array(16).fill(15)].map(put);
      kernels.smallDots!(...bytes, put(Int32Array.from(start)), out);
      expect([...get(Int32Array, out, 4)]).toEqual(start.map((number) => number + 8 * 4 * 15 * signed));
    }
  });

  test(`${name}: numbers are written down so that none of their bits is lost`, () => {
    const out = room(16 * numbers.length);
    kernels.constants!(out);
    const got = get(Float32Array, out, 4 * numbers.length);
    for (const [i, number] of numbers.entries())
      expect(Object.is(got[4 * i], Math.fround(number)), `${number}`).toBe(true);
  });

  test(`${name}: addresses go forth and back`, () => {
    const data = Int32Array.from({ length: 64 }, (_, i) => i);
    const out = room(48);
    kernels.places!(put(data), 64, out);
    expect([...get(Int32Array, out, 9)]).toEqual([16, 17, 18, 19, 0, 1, 2, 3, 1]);
  });
}

test("a constant is set once, before all other statements, however often it is used", () => {
  const kernel = defineKernel("once", { out: "address" }, (code, { out }) => {
    for (let i = 0; i < 3; i++) code.store(out, code.constant(i8x16.const(15)), i * 16);
  });
  const { text } = kernel.build("relaxed");
  expect(text.match(/v128\.const/g)).toHaveLength(1);
  expect(text.indexOf("v128.const")).toBeLessThan(text.indexOf("v128.store"));
});

test("two functions of one name are an error, and so are integers that do not come out even", () => {
  const [a, b] = [1, 2].map((bytes) =>
    defineInner("same", { to: "address" }, (code, { to }) => code.storeI32(to, i32.const(bytes))),
  );
  const caller = defineKernel("caller", { to: "address" }, (code, { to }) => {
    code.call(a!, { to });
    code.call(b!, { to });
  });
  expect(() => buildModule([caller], "relaxed")).toThrow("two functions same");
  expect(() => i32.const(1.5)).toThrow(RangeError);
});
