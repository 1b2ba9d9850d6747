import { UnsupportedError } from "../../errors.ts";
import type { KernelVariant } from "./builder/variant.ts";

/** The module's file in the package, compressed: one for each variant. */
export function moduleName(variant: KernelVariant): string {
  return `kernels-${variant}.wasm.gz`;
}

/**
 * @throws UnsupportedError where there is no WebAssembly, or it may not be compiled: a page's policy can forbid it. What is asked is a module without anything in
 * it.
 */
export function checkCompiles(): void {
  if (typeof WebAssembly === "undefined") {
    throw new UnsupportedError(
      'there is no WebAssembly here; start Node without --jitless, or take backend: "reference"',
    );
  }
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  } catch (error) {
    throw new UnsupportedError(`${error}; allow 'wasm-unsafe-eval' in the page's Content-Security-Policy`);
  }
}

/** (func (result v128) (f32x4.relaxed_madd of zeros)) */
const relaxedModule = [
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0],
  ...[65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 11],
];

/** @returns whether this engine has relaxed SIMD */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(Uint8Array.from(relaxedModule));
}

/**
 * (func (export "probe") (result i32) (i32x4.extract_lane 0 (i32x4.relaxed_dot_i8x16_i7x16_add_s of bytes 127, bytes 255, zeros)))
 */
const dotModule = [
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 9, 1, 5, 112, 114, 111, 98, 101, 0, 0],
  ...[10, 23, 1, 21, 0, 65, 255, 0, 253, 15, 65, 127, 253, 15, 65, 0, 253, 15, 253, 147, 2, 253, 27, 0, 11],
];

/**
 * Dot products of four bytes are one instruction on processors that have one; others multiply and add two, whose sums end at 32767, and then
 * again two. What comes of a byte with its top bit set tells which: relaxed SIMD leaves that to the processor.
 *
 * @see https://github.com/WebAssembly/relaxed-simd/blob/main/proposals/relaxed-simd/Overview.md
 */
function addsPairs(): boolean {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(dotModule)));
  return (exports as { probe(): number }).probe() === 2 * 32767;
}

/** @returns the variant of the kernels that is fastest here */
export function fastestVariant(): KernelVariant {
  if (!hasRelaxedSimd()) return "plain";
  return addsPairs() ? "pairs" : "relaxed";
}
