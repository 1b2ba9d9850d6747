import type { WasmFunction } from "./kernel.ts";
import { f32x4, i16x8, i32, i32x4, type Local, type Type, type Value, v128, value } from "./values.ts";
import type { KernelVariant } from "./variant.ts";

/** A parameter of a kernel. */
export type ParameterType = "i32" | "f32" | "f64" | "address";

/** The body of one WebAssembly function, written statement by statement. */
export class Code {
  readonly variant: KernelVariant;
  readonly #hasRelaxed: boolean;
  readonly #statements: string[] = [];
  /** Declarations, by type: modules are smaller, and compress better, where those of one type stand together, as their numbers then do. */
  readonly #locals: Readonly<Record<ReturnType<typeof typeText>, string[]>> = { i32: [], f32: [], f64: [], v128: [] };
  readonly #calls: WasmFunction[] = [];
  readonly #constants = new Map<string, Local<"v128">>();
  readonly #constantStatements: string[] = [];
  #names = 0;

  constructor(variant: KernelVariant) {
    this.variant = variant;
    this.#hasRelaxed = variant !== "plain";
  }

  get text(): string {
    return [...Object.values(this.#locals).flat(), ...this.#constantStatements, ...this.#statements].join("\n");
  }

  /** The functions that this one calls. */
  get calls(): readonly WasmFunction[] {
    return this.#calls;
  }

  local<T extends Type>(type: T, initial?: Value<T>): Local<T> {
    const name = `$${type}${this.#names++}`;
    const declared = typeText(type);
    this.#locals[declared].push(`(local ${name} ${declared})`);
    const local = { ...value(type, `(local.get ${name})`), name };
    if (initial) this.set(local, initial);
    return local;
  }

  /** A constant vector in a local that is set at the function's beginning: V8 builds one anew wherever it stands, in loops too. */
  constant(vector: Value<"v128">): Value<"v128"> {
    if (!vector.text.startsWith("(v128.const")) throw new TypeError(`${vector.text} is not a constant`);
    let local = this.#constants.get(vector.text);
    if (!local) {
      local = this.local("v128");
      this.#constants.set(vector.text, local);
      this.#constantStatements.push(`(local.set ${local.name} ${vector.text})`);
    }
    return local;
  }

  /** Several locals of one type. */
  locals<T extends Type>(count: number, type: T, initial?: Value<T>): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type, initial));
  }

  set<T extends Type>(local: Local<T>, to: Value<T>): void {
    this.#statements.push(`(local.set ${local.name} ${to.text})`);
  }

  /** Runs the body `times` times; not at all for 0. */
  repeat(times: Value<"i32">, body: () => void): void {
    const left = this.local("i32", times);
    this.if(left, () => this.repeatAtLeastOnce(left, body));
  }

  /** Runs the body until `left`, which it counts down, is 0. */
  repeatAtLeastOnce(left: Local<"i32">, body: () => void): void {
    const label = `$loop${this.#names++}`;
    this.#statements.push(`(loop ${label}`);
    body();
    this.set(left, i32.sub(left, i32.const(1)));
    this.#statements.push(`(br_if ${label} ${left.text}))`);
  }

  if(condition: Value<"i32">, then: () => void, otherwise?: () => void): void {
    this.#statements.push(`(if ${condition.text} (then`);
    then();
    this.#statements.push(")");
    if (otherwise) {
      this.#statements.push("(else");
      otherwise();
      this.#statements.push(")");
    }
    this.#statements.push(")");
  }

  /** Calls an inner function; its parameters by name. */
  call<P extends Readonly<Record<string, ParameterType>>>(
    callee: WasmFunction<P>,
    parameters: { readonly [K in keyof P]: Value<P[K]> },
  ): void {
    const inOrder = Object.keys(callee.parameters).map((name) => parameters[name]!.text);
    this.#statements.push(`(call $${callee.name} ${inOrder.join(" ")})`);
    this.#calls.push(callee as unknown as WasmFunction);
  }

  // Addresses

  /** address + bytes. */
  offset(address: Value<"address">, bytes: number | Value<"i32">): Value<"address"> {
    if (bytes === 0) return address;
    const added = typeof bytes === "number" ? `(i32.const ${bytes})` : bytes.text;
    return value("address", `(i32.add ${address.text} ${added})`);
  }

  /** address - bytes. */
  back(address: Value<"address">, bytes: Value<"i32">): Value<"address"> {
    return value("address", `(i32.sub ${address.text} ${bytes.text})`);
  }

  /** Whether the address a is below b. */
  isBelow(a: Value<"address">, b: Value<"address">): Value<"i32"> {
    return value("i32", `(i32.lt_u ${a.text} ${b.text})`);
  }

  advance(address: Local<"address">, bytes: number | Value<"i32">): void {
    this.set(address, this.offset(address, bytes));
  }

  // Memory

  load(address: Value<"address">, offset = 0): Value<"v128"> {
    return this.#read("v128", "v128.load", address, offset);
  }

  /** One 32-bit number into all four lanes. */
  loadSplat32(address: Value<"address">, offset = 0): Value<"v128"> {
    return this.#read("v128", "v128.load32_splat", address, offset);
  }

  /** Four 16-bit numbers, signed, into 32-bit lanes. */
  load16x4(address: Value<"address">, offset = 0): Value<"v128"> {
    return this.#read("v128", "v128.load16x4_s", address, offset);
  }

  /** Four 16-bit numbers, unsigned, into 32-bit lanes. */
  load16x4U(address: Value<"address">, offset = 0): Value<"v128"> {
    return this.#read("v128", "v128.load16x4_u", address, offset);
  }

  loadF32(address: Value<"address">, offset = 0): Value<"f32"> {
    return this.#read("f32", "f32.load", address, offset);
  }

  loadI32(address: Value<"address">, offset = 0): Value<"i32"> {
    return this.#read("i32", "i32.load", address, offset);
  }

  loadU16(address: Value<"address">, offset = 0): Value<"i32"> {
    return this.#read("i32", "i32.load16_u", address, offset);
  }

  loadI8(address: Value<"address">, offset = 0): Value<"i32"> {
    return this.#read("i32", "i32.load8_s", address, offset);
  }

  loadU8(address: Value<"address">, offset = 0): Value<"i32"> {
    return this.#read("i32", "i32.load8_u", address, offset);
  }

  store(address: Value<"address">, vector: Value<"v128">, offset = 0): void {
    this.#write("v128.store", address, vector, offset);
  }

  /**
   * Stores two vectors next to each other, the second one first, when both have been computed: no load comes between the stores, so that V8 can make one store
   * of 256 bits of them, and one instruction of every two before them where both vectors are computed alike.
   * @throws RangeError unless there are two
   */
  storePair(address: Value<"address">, vectors: readonly Value<"v128">[], offset = 0): void {
    const [first, second, ...others] = vectors;
    if (!first || !second || others.length > 0) throw new RangeError(`${vectors.length} vectors are not a pair`);
    const inner = `(v128.store offset=${offset + 16} ${address.text} ${second.text})`;
    this.#statements.push(`(v128.store offset=${offset} ${address.text} ${first.text} ${inner})`);
  }

  /** Stores one 64-bit lane. */
  store64Lane(address: Value<"address">, vector: Value<"v128">, lane: number, offset = 0): void {
    this.#writeLane(64, address, vector, lane, offset);
  }

  /** Stores one 32-bit lane. */
  store32Lane(address: Value<"address">, vector: Value<"v128">, lane: number, offset = 0): void {
    this.#writeLane(32, address, vector, lane, offset);
  }

  /** Stores one 16-bit lane. */
  store16Lane(address: Value<"address">, vector: Value<"v128">, lane: number, offset = 0): void {
    this.#writeLane(16, address, vector, lane, offset);
  }

  storeF32(address: Value<"address">, x: Value<"f32">, offset = 0): void {
    this.#write("f32.store", address, x, offset);
  }

  storeI32(address: Value<"address">, x: Value<"i32">, offset = 0): void {
    this.#write("i32.store", address, x, offset);
  }

  storeI8(address: Value<"address">, x: Value<"i32">, offset = 0): void {
    this.#write("i32.store8", address, x, offset);
  }

  // What relaxed SIMD does in one instruction

  /** a · b + c in float32; rounded once where the engine has relaxed SIMD and the machine a fused multiply-add, else twice. */
  multiplyAdd(a: Value<"v128">, b: Value<"v128">, c: Value<"v128">): Value<"v128"> {
    if (this.#hasRelaxed) return value("v128", `(f32x4.relaxed_madd ${a.text} ${b.text} ${c.text})`);
    return f32x4.add(f32x4.mul(a, b), c);
  }

  /**
   * sum + the products of four neighbouring bytes, in each 32-bit lane: exact.
   * @param signed - bytes from -128 to 127; cheap, and without effect: it stands twice in the text of the plain variant
   * @param small - bytes from 0 to 127: what relaxed SIMD does with the top bit differs between machines; the same holds
   */
  dotBytes(signed: Value<"v128">, small: Value<"v128">, sum: Value<"v128">): Value<"v128"> {
    switch (this.variant) {
      case "relaxed":
        return value("v128", `(i32x4.relaxed_dot_i8x16_i7x16_add_s ${signed.text} ${small.text} ${sum.text})`);
      case "pairs":
        return i32x4.add(this.#addNeighbours(dotPairs(signed, small)), sum);
      case "plain":
        break;
    }
    const low = i32x4.extaddPairwiseI16(i16x8.extmulLowI8(signed, small));
    const high = i32x4.extaddPairwiseI16(i16x8.extmulHighI8(signed, small));
    // Sums of two products fit 16 bits; their neighbours are added as they are multiplied by 1.
    const four = i32x4.dotI16(i16x8.narrowI32(low, high), this.constant(i16x8.const(1)));
    return i32x4.add(sum, four);
  }

  /**
   * Adds dot products of bytes to sums, as {@link dotBytes} does; `pairs` adds them up in 16-bit lanes first. For products that are small: in each of these
   * lanes, which take two products each time, all of them together must not pass 32767.
   *
   * @param body - adds them; not in a loop of the module's
   * @param start - what the sum of an index begins with, or undefined for 0; asked in order, before the body or after it. Without it, sums begin with what they were
   */
  sumSmallDots(
    sums: readonly Local<"v128">[],
    body: (add: (sum: Local<"v128">, signed: Value<"v128">, small: Value<"v128">) => void) => void,
    start?: (index: number) => Value<"v128"> | undefined,
  ): void {
    if (this.variant !== "pairs") {
      if (start) for (const [index, sum] of sums.entries()) this.set(sum, start(index) ?? v128.zero);
      body((sum, signed, small) => this.set(sum, this.dotBytes(signed, small, sum)));
      return;
    }
    const parts = new Map<Local<"v128">, Local<"v128">>();
    body((sum, signed, small) => {
      const part = parts.get(sum);
      if (part) this.set(part, i16x8.add(part, dotPairs(signed, small)));
      else parts.set(sum, this.local("v128", dotPairs(signed, small)));
    });
    for (const [index, sum] of sums.entries()) {
      const all = this.#addNeighbours(parts.get(sum)!);
      const first = start ? start(index) : sum;
      this.set(sum, first ? i32x4.add(all, first) : all);
    }
  }

  /** Truncates to 32-bit integers; the numbers must fit. */
  truncate(x: Value<"v128">): Value<"v128"> {
    if (this.#hasRelaxed) return value("v128", `(i32x4.relaxed_trunc_f32x4_s ${x.text})`);
    return i32x4.truncF32(x);
  }

  /** Bytes of a table of 16 by their numbers, which must be 0 to 15, or have the top bit set, which gives 0. */
  lookUp(table: Value<"v128">, indices: Value<"v128">): Value<"v128"> {
    const instruction = this.#hasRelaxed ? "i8x16.relaxed_swizzle" : "i8x16.swizzle";
    return value("v128", `(${instruction} ${table.text} ${indices.text})`);
  }

  /** Products of numbers with 15 fractional bits, rounded; not both may be -32768. */
  multiplyQ15(a: Value<"v128">, b: Value<"v128">): Value<"v128"> {
    const instruction = this.#hasRelaxed ? "i16x8.relaxed_q15mulr_s" : "i16x8.q15mulr_sat_s";
    return value("v128", `(${instruction} ${a.text} ${b.text})`);
  }

  /** Sums of neighbouring 16-bit lanes; V8 would build the ones anew for every vector of 256 bits, were they not a constant of ours. */
  #addNeighbours(pairs: Value<"v128">): Value<"v128"> {
    return i32x4.dotI16(pairs, this.constant(i16x8.const(1)));
  }

  #read<T extends Type>(type: T, instruction: string, address: Value<"address">, offset: number): Value<T> {
    return value(type, `(${instruction} offset=${offset} ${address.text})`);
  }

  #writeLane(bits: 16 | 32 | 64, address: Value<"address">, vector: Value<"v128">, lane: number, offset: number): void {
    this.#statements.push(`(v128.store${bits}_lane offset=${offset} ${lane} ${address.text} ${vector.text})`);
  }

  #write(instruction: string, address: Value<"address">, x: Value<Type>, offset: number): void {
    this.#statements.push(`(${instruction} offset=${offset} ${address.text} ${x.text})`);
  }
}

/** What WebAssembly calls a type. */
export function typeText(type: Type): Exclude<Type, "address"> {
  return type === "address" ? "i32" : type;
}

/** The products of neighbouring bytes, added up by two: see {@link Code.dotBytes}. */
function dotPairs(signed: Value<"v128">, small: Value<"v128">): Value<"v128"> {
  return value("v128", `(i16x8.relaxed_dot_i8x16_i7x16_s ${signed.text} ${small.text})`);
}
