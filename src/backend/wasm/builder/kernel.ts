import { Code, type ParameterType } from "./code.ts";
import type { Target } from "./target.ts";
import { type Address, type Value, value } from "./values.ts";

/** A function of the module. */
export interface WasmFunction<P extends Parameters = Parameters> {
  readonly name: string;
  readonly parameters: P;
  readonly isExported: boolean;
  /** @returns its WebAssembly text, and the functions that it calls */
  readonly build: (target: Target) => { readonly text: string; readonly calls: readonly WasmFunction[] };
}

/** A function that JavaScript calls. */
export type Kernel = WasmFunction;

type Parameters = Readonly<Record<string, ParameterType>>;
type Values<P extends Parameters> = { readonly [K in keyof P]: Value<P[K]> };

/**
 * Defines a kernel. JavaScript calls it with numbers in the order of `parameters`; it returns nothing.
 *
 * @param body - writes the function; it is run once for every target
 */
export function defineKernel<const P extends Parameters>(
  name: string,
  parameters: P,
  body: (code: Code, parameters: Values<P>) => void,
): WasmFunction<P> {
  return define(name, parameters, body, true);
}

/** Defines a function that only kernels call, by `code.call`. Its addresses come as they are. */
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
    build(target) {
      const code = new Code(target);
      const values: Record<string, Value<ParameterType>> = {};
      for (const [parameter, type] of Object.entries(parameters)) {
        const given = `(local.get $${parameter})`;
        values[parameter] =
          isAddress(type) && isExported
            ? code.local(type, value(type, `(${code.typeText(type)}.trunc_f64_u ${given})`))
            : value(type, given);
      }
      body(code, values as Values<P>);
      const header = Object.entries(parameters).map(
        ([parameter, type]) => `(param $${parameter} ${isAddress(type) && isExported ? "f64" : code.typeText(type)})`,
      );
      const exported = isExported ? `(export "${name}")` : "";
      return { text: `(func $${name} ${exported} ${header.join(" ")}\n${code.text})`, calls: code.calls };
    },
  };
}

function isAddress(type: ParameterType): type is Address {
  return type === "address" || type === "far";
}

/** WebAssembly's most pages of 64 KiB: 4 GiB; V8 ends a 64-bit memory at 16 GiB. */
export const mostPages = { i32: 65536, i64: 262144 } as const;

/**
 * @returns the text of a module that exports the kernels and imports its memory, which is shared, as `memory` of `engine`; and, where addresses are i64, a
 * second one as `far`. The one that is read most has to be the first: engines look up where another begins at every access
 */
export function buildModule(kernels: readonly Kernel[], target: Target): string {
  const imports = [`(import "engine" "memory" (memory $memory 1 ${mostPages.i32} shared))`];
  if (target.address === "i64") imports.push(`(import "engine" "far" (memory $far i64 1 ${mostPages.i64} shared))`);
  const functions = new Map<string, WasmFunction>();
  const texts: string[] = [];
  const waiting: WasmFunction[] = [...kernels];
  for (const next of waiting) {
    const known = functions.get(next.name);
    if (known === next) continue;
    if (known) throw new Error(`there are two functions ${next.name}`);
    functions.set(next.name, next);
    const { text, calls } = next.build(target);
    texts.push(text);
    waiting.push(...calls);
  }
  return `(module ${imports.join("\n")}\n${texts.join("\n")})`;
}
