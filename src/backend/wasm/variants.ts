import type { Target } from "./builder/code.ts";

/** The module's file in the package: one for each target. */
export function moduleName({ relaxed, address }: Target): string {
  return `kernels-${relaxed ? "relaxed" : "plain"}-${address === "i64" ? "64" : "32"}.wasm`;
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

/** (memory i64 1 1 shared) */
const wideMemoryModule = [0, 97, 115, 109, 1, 0, 0, 0, 5, 4, 1, 7, 1, 1];

/** @returns whether this engine has 64-bit memory */
export function hasWideMemory(): boolean {
  return WebAssembly.validate(Uint8Array.from(wideMemoryModule));
}
