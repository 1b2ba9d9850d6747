import { InvalidOptionError } from "../errors.ts";
import type { ContextOptions } from "./options.ts";
import { type ContextConfig, type ContextSettings, resolveContext } from "./settings.ts";

/**
 * The context of a session or a request: the options it was given, over those of the model or session it belongs to. It may only narrow
 * them, so that who loads a model decides what it may do.
 *
 * @throws InvalidOptionError when it would widen anything
 */
export function narrowContext(
  config: ContextConfig,
  outer: { readonly options: ContextOptions; readonly settings: ContextSettings },
  inner: ContextOptions | undefined,
): { readonly options: ContextOptions; readonly settings: ContextSettings } {
  if (!inner) return outer;
  const { factor, ...rest } = outer.options;
  const isOther = inner.extend !== undefined && inner.extend !== (outer.options.extend ?? "declared");
  const base = isOther || factor === undefined ? rest : { ...rest, factor }; // a factor belongs to its method
  const options = { ...base, ...definedOnly(inner) };
  const settings = resolveContext(config, options);
  const { method, nativeWindow, maximumFactor, allowBeyondWindow } = outer.settings;
  if (settings.method !== "none" && settings.method !== method) refuse("extend", settings.method, method);
  if (settings.maximumFactor > maximumFactor) refuse("factor", settings.maximumFactor, maximumFactor);
  if (settings.nativeWindow > nativeWindow) refuse("nativeWindow", settings.nativeWindow, nativeWindow);
  if (settings.allowBeyondWindow && !allowBeyondWindow) refuse("allowBeyondWindow", true, false);
  return { options, settings };
}

function refuse(option: string, wanted: unknown, loaded: unknown): never {
  throw new InvalidOptionError(
    `context.${option}`,
    `${String(wanted)} is wider than the ${String(loaded)} that was set before: set it when the model is loaded`,
  );
}

function definedOnly(options: ContextOptions): ContextOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
