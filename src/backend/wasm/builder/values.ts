/** What a value is. An address is an i32 that is added to, loaded from and stored at. */
export type Type = "i32" | "f32" | "f64" | "v128" | "address";

/** An expression of WebAssembly text; its type is checked by TypeScript. */
export interface Value<T extends Type> {
  readonly type: T;
  readonly text: string;
}

/** A local variable: a value that can be set. */
export interface Local<T extends Type> extends Value<T> {
  readonly name: string;
}

export function value<T extends Type>(type: T, text: string): Value<T> {
  return { type, text };
}

type Unary<A extends Type, R extends Type> = (a: Value<A>) => Value<R>;
type Binary<A extends Type, R extends Type> = (a: Value<A>, b: Value<A>) => Value<R>;

function unary<A extends Type, R extends Type>(instruction: string, result: R): Unary<A, R> {
  return (a) => value(result, `(${instruction} ${a.text})`);
}

function binary<A extends Type, R extends Type>(instruction: string, result: R): Binary<A, R> {
  return (a, b) => value(result, `(${instruction} ${a.text} ${b.text})`);
}

type Shift = (a: Value<"v128">, bits: number) => Value<"v128">;

function shift(instruction: string): Shift {
  return (a, bits) => value("v128", `(${instruction} ${a.text} (i32.const ${bits}))`);
}

/** The shortest text that gives exactly this float32, or f64. */
function float(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  return Object.is(x, -0) ? "-0" : String(x);
}

/*
 * The instructions that the kernels use, by their WebAssembly names. Those that differ between engines with and without relaxed SIMD are methods of
 * `Code`.
 */

export const i32 = {
  /** @throws RangeError unless it is an integer: a count that does not come out even is a mistake in a kernel's sizes */
  const: (x: number): Value<"i32"> => {
    if (!Number.isInteger(x)) throw new RangeError(`${x} is not an integer`);
    return value("i32", `(i32.const ${x | 0})`);
  },
  add: binary<"i32", "i32">("i32.add", "i32") as Binary<"i32", "i32">,
  sub: binary<"i32", "i32">("i32.sub", "i32") as Binary<"i32", "i32">,
  mul: binary<"i32", "i32">("i32.mul", "i32") as Binary<"i32", "i32">,
  divU: binary<"i32", "i32">("i32.div_u", "i32") as Binary<"i32", "i32">,
  remU: binary<"i32", "i32">("i32.rem_u", "i32") as Binary<"i32", "i32">,
  and: binary<"i32", "i32">("i32.and", "i32") as Binary<"i32", "i32">,
  or: binary<"i32", "i32">("i32.or", "i32") as Binary<"i32", "i32">,
  shl: binary<"i32", "i32">("i32.shl", "i32") as Binary<"i32", "i32">,
  shrU: binary<"i32", "i32">("i32.shr_u", "i32") as Binary<"i32", "i32">,
  ltU: binary<"i32", "i32">("i32.lt_u", "i32") as Binary<"i32", "i32">,
  gtS: binary<"i32", "i32">("i32.gt_s", "i32") as Binary<"i32", "i32">,
  eq: binary<"i32", "i32">("i32.eq", "i32") as Binary<"i32", "i32">,
} as const;

export const f32 = {
  const: (x: number): Value<"f32"> => value("f32", `(f32.const ${float(Math.fround(x))})`),
  add: binary<"f32", "f32">("f32.add", "f32") as Binary<"f32", "f32">,
  sub: binary<"f32", "f32">("f32.sub", "f32") as Binary<"f32", "f32">,
  mul: binary<"f32", "f32">("f32.mul", "f32") as Binary<"f32", "f32">,
  div: binary<"f32", "f32">("f32.div", "f32") as Binary<"f32", "f32">,
  gt: binary<"f32", "i32">("f32.gt", "i32") as Binary<"f32", "i32">,
  fromI32: unary<"i32", "f32">("f32.convert_i32_s", "f32") as Unary<"i32", "f32">,
  fromF64: unary<"f64", "f32">("f32.demote_f64", "f32") as Unary<"f64", "f32">,
  reinterpret: unary<"i32", "f32">("f32.reinterpret_i32", "f32") as Unary<"i32", "f32">,
} as const;

export const f64 = {
  const: (x: number): Value<"f64"> => value("f64", `(f64.const ${float(x)})`),
  add: binary<"f64", "f64">("f64.add", "f64") as Binary<"f64", "f64">,
  mul: binary<"f64", "f64">("f64.mul", "f64") as Binary<"f64", "f64">,
  div: binary<"f64", "f64">("f64.div", "f64") as Binary<"f64", "f64">,
  sqrt: unary<"f64", "f64">("f64.sqrt", "f64") as Unary<"f64", "f64">,
  fromF32: unary<"f32", "f64">("f64.promote_f32", "f64") as Unary<"f32", "f64">,
  fromI32: unary<"i32", "f64">("f64.convert_i32_s", "f64") as Unary<"i32", "f64">,
} as const;

export const v128 = {
  and: binary<"v128", "v128">("v128.and", "v128") as Binary<"v128", "v128">,
  or: binary<"v128", "v128">("v128.or", "v128") as Binary<"v128", "v128">,
  xor: binary<"v128", "v128">("v128.xor", "v128") as Binary<"v128", "v128">,
  /** The bits of `a` where `b` has none. */
  andnot: binary<"v128", "v128">("v128.andnot", "v128") as Binary<"v128", "v128">,
  /** The bits of `a` where `mask` is set, of `b` elsewhere. */
  bitselect: (a: Value<"v128">, b: Value<"v128">, mask: Value<"v128">): Value<"v128"> =>
    value("v128", `(v128.bitselect ${a.text} ${b.text} ${mask.text})`),
  zero: value("v128", "(v128.const i32x4 0 0 0 0)") as Value<"v128">,
} as const;

export const f32x4 = {
  const: (x: number): Value<"v128"> => {
    const text = float(Math.fround(x));
    return value("v128", `(v128.const f32x4 ${text} ${text} ${text} ${text})`);
  },
  splat: unary<"f32", "v128">("f32x4.splat", "v128") as Unary<"f32", "v128">,
  add: binary<"v128", "v128">("f32x4.add", "v128") as Binary<"v128", "v128">,
  sub: binary<"v128", "v128">("f32x4.sub", "v128") as Binary<"v128", "v128">,
  mul: binary<"v128", "v128">("f32x4.mul", "v128") as Binary<"v128", "v128">,
  div: binary<"v128", "v128">("f32x4.div", "v128") as Binary<"v128", "v128">,
  abs: unary<"v128", "v128">("f32x4.abs", "v128") as Unary<"v128", "v128">,
  nearest: unary<"v128", "v128">("f32x4.nearest", "v128") as Unary<"v128", "v128">,
  /** a < b ? b : a, lane by lane: one machine instruction, unlike `max`, which has to look after NaN and zeros. */
  pmax: binary<"v128", "v128">("f32x4.pmax", "v128") as Binary<"v128", "v128">,
  eq: binary<"v128", "v128">("f32x4.eq", "v128") as Binary<"v128", "v128">,
  gt: binary<"v128", "v128">("f32x4.gt", "v128") as Binary<"v128", "v128">,
  convertI32: unary<"v128", "v128">("f32x4.convert_i32x4_s", "v128") as Unary<"v128", "v128">,
  extractLane: (a: Value<"v128">, lane: number): Value<"f32"> => value("f32", `(f32x4.extract_lane ${lane} ${a.text})`),
} as const;

export const f64x2 = {
  add: binary<"v128", "v128">("f64x2.add", "v128") as Binary<"v128", "v128">,
  mul: binary<"v128", "v128">("f64x2.mul", "v128") as Binary<"v128", "v128">,
  /** Lanes 0 and 1 of an f32x4. */
  promoteLow: unary<"v128", "v128">("f64x2.promote_low_f32x4", "v128") as Unary<"v128", "v128">,
  extractLane: (a: Value<"v128">, lane: number): Value<"f64"> => value("f64", `(f64x2.extract_lane ${lane} ${a.text})`),
} as const;

export const i32x4 = {
  const: (x: number): Value<"v128"> => value("v128", `(v128.const i32x4 ${Array(4).fill(x).join(" ")})`),
  add: binary<"v128", "v128">("i32x4.add", "v128") as Binary<"v128", "v128">,
  sub: binary<"v128", "v128">("i32x4.sub", "v128") as Binary<"v128", "v128">,
  gtS: binary<"v128", "v128">("i32x4.gt_s", "v128") as Binary<"v128", "v128">,
  maxS: binary<"v128", "v128">("i32x4.max_s", "v128") as Binary<"v128", "v128">,
  mul: binary<"v128", "v128">("i32x4.mul", "v128") as Binary<"v128", "v128">,
  shl: shift("i32x4.shl") as Shift,
  shrU: shift("i32x4.shr_u") as Shift,
  shrS: shift("i32x4.shr_s") as Shift,
  /** Saturates, and takes NaN to 0. */
  truncF32: unary<"v128", "v128">("i32x4.trunc_sat_f32x4_s", "v128") as Unary<"v128", "v128">,
  /** Products of 16-bit lanes, neighbours added. */
  dotI16: binary<"v128", "v128">("i32x4.dot_i16x8_s", "v128") as Binary<"v128", "v128">,
  extaddPairwiseI16: unary<"v128", "v128">("i32x4.extadd_pairwise_i16x8_s", "v128") as Unary<"v128", "v128">,
  extractLane: (a: Value<"v128">, lane: number): Value<"i32"> => value("i32", `(i32x4.extract_lane ${lane} ${a.text})`),
} as const;

export const i16x8 = {
  const: (x: number): Value<"v128"> => value("v128", `(v128.const i16x8 ${Array(8).fill(x).join(" ")})`),
  add: binary<"v128", "v128">("i16x8.add", "v128") as Binary<"v128", "v128">,
  shl: shift("i16x8.shl") as Shift,
  shrU: shift("i16x8.shr_u") as Shift,
  narrowI32: binary<"v128", "v128">("i16x8.narrow_i32x4_s", "v128") as Binary<"v128", "v128">,
  narrowI32U: binary<"v128", "v128">("i16x8.narrow_i32x4_u", "v128") as Binary<"v128", "v128">,
  extmulLowI8: binary<"v128", "v128">("i16x8.extmul_low_i8x16_s", "v128") as Binary<"v128", "v128">,
  extmulHighI8: binary<"v128", "v128">("i16x8.extmul_high_i8x16_s", "v128") as Binary<"v128", "v128">,
} as const;

export const i8x16 = {
  const: (x: number | readonly number[]): Value<"v128"> =>
    value("v128", `(v128.const i8x16 ${(typeof x === "number" ? Array(16).fill(x) : x).join(" ")})`),
  narrowI16: binary<"v128", "v128">("i8x16.narrow_i16x8_s", "v128") as Binary<"v128", "v128">,
  /** (a + b + 1) / 2, rounded down, of unsigned bytes. */
  avgrU: binary<"v128", "v128">("i8x16.avgr_u", "v128") as Binary<"v128", "v128">,
  /** Bytes of a (0 to 15) and b (16 to 31) by their numbers. */
  shuffle: (a: Value<"v128">, b: Value<"v128">, lanes: readonly number[]): Value<"v128"> =>
    value("v128", `(i8x16.shuffle ${lanes.join(" ")} ${a.text} ${b.text})`),
} as const;

/** 32-bit lanes of a (0 to 3) and b (4 to 7) by their numbers. */
export function shuffle32(a: Value<"v128">, b: Value<"v128">, lanes: readonly number[]): Value<"v128"> {
  return i8x16.shuffle(
    a,
    b,
    lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  );
}
