import { Code, type ParameterType, typeText } from "./code.ts";
import { type Value, value } from "./values.ts";
import type { KernelVariant } from "./variant.ts";

/** A function of the module. */
export interface WasmFunction<P extends Parameters = Parameters> {
  readonly name: string;
  readonly parameters: P;
  readonly isExported: boolean;
  /** @returns its WebAssembly text, and the functions that it calls */
  readonly build: (variant: KernelVariant) => { readonly text: string; readonly calls: readonly WasmFunction[] };
}

/** A function that JavaScript calls. */
export type Kernel = WasmFunction;

type Parameters = Readonly<Record<string, ParameterType>>;
type Values<P extends Parameters> = { readonly [K in keyof P]: Value<P[K]> };

/**
 * Defines a kernel. JavaScript calls it with numbers in the order of `parameters`; it returns nothing. Of an address it gets what is below 2^32, the place in
 * its memory: that is how WebAssembly takes numbers. What is above says which memory (`memories.ts`), which is for the caller to see to.
 *
 * @param body - writes the function; it is run once for every variant
 */
export function defineKernel<const P extends Parameters>(
  name: string,
  parameters: P,
  body: (code: Code, parameters: Values<P>) => void,
): WasmFunction<P> {
  return define(name, parameters, body, true);
}

/** Defines a function that only kernels call, by `code.call`. */
export function defineInner<const P extends Parameters>(
  name: string,
  parameters: P,
  body: (code: Code, parameters: Values<P>) => void,
): WasmFunction<P> {
  return define(name, parameters, body, false);
}

function define<P extends Parameters>(
  name: string,
  parameters: P,
  body: (code: Code, parameters: Values<P>) => void,
  isExported: boolean,
): WasmFunction<P> {
  return {
    name,
    parameters,
    isExported,
    build(variant) {
      const code = new Code(variant);
      const values: Record<string, Value<ParameterType>> = {};
      for (const [parameter, type] of Object.entries(parameters))
        values[parameter] = value(type, `(local.get $${parameter})`);
      body(code, values as Values<P>);
      const header = Object.entries(parameters).map(([parameter, type]) => `(param $${parameter} ${typeText(type)})`);
      const exported = isExported ? `(export "${name}")` : "";
      return { text: `(func $${name} ${exported} ${header.join(" ")}\n${code.text})`, calls: code.calls };
    },
  };
}

/** WebAssembly's most pages of 64 KiB in a memory of 32-bit addresses: 4 GiB. */
export const mostPages = 65536;

/** @returns the text of a module that exports the kernels and imports its memory, which is shared, as `memory` of `engine` */
export function buildModule(kernels: readonly Kernel[], variant: KernelVariant): string {
  const memory = `(import "engine" "memory" (memory 1 ${mostPages} shared))`;
  const functions = new Map<string, WasmFunction>();
  const texts: string[] = [];
  const waiting: WasmFunction[] = [...kernels];
  for (const next of waiting) {
    const known = functions.get(next.name);
    if (known === next) continue;
    if (known) throw new Error(`there are two functions ${next.name}`);
    functions.set(next.name, next);
    const { text, calls } = next.build(variant);
    texts.push(text);
    waiting.push(...calls);
  }
  return `(module ${memory}\n${texts.join("\n")})`;
}
