import { InvalidOptionError } from "../errors.ts";
import { type ContextOptions, readContextOptions } from "./options.ts";
import { type ContextConfig, type ContextSettings, resolveContext } from "./settings.ts";
import { stretchedWindow } from "./stretched-window.ts";
import { hasOwnWindow, type Tuning } from "./tuning.ts";

/** Options and what they resolved to. */
export interface Context {
  readonly options: ContextOptions;
  readonly settings: ContextSettings;
  /** Of the adapter that the sequences have. */
  readonly tuning?: Tuning | undefined;
}

/**
 * The context of a session or a request: the options it was given, over those of the model or session it belongs to. It may only narrow
 * them, so that who loads a model decides what it may do.
 *
 * @throws InvalidOptionError when it would widen anything
 */
export function narrowContext(config: ContextConfig, outer: Context, inner: ContextOptions | undefined): Context {
  if (!inner) return outer;
  const own = readContextOptions(inner);
  const { factor, ...rest } = outer.options;
  const isOther = own.extend !== undefined && own.extend !== (outer.options.extend ?? "declared");
  const base = isOther || factor === undefined ? rest : { ...rest, factor }; // a factor belongs to its method
  // The window of an adapter stands in the place of the native one, so that is what is narrowed.
  const { nativeWindow: window, ...others } = own;
  const isAdapters = outer.tuning !== undefined && hasOwnWindow(outer.tuning) && window !== undefined;
  const options = { ...base, ...(isAdapters ? others : own) };
  const tuning = isAdapters ? { ...outer.tuning, window } : outer.tuning;
  const { method, nativeWindow, originalWindow, extendedWindow, maximumFactor, allowBeyondWindow } = outer.settings;
  const settings = withOriginalWindow(resolveContext(config, options, tuning), originalWindow);
  if (settings.method !== "none" && settings.method !== method) refuse("extend", settings.method, method);
  if (settings.maximumFactor > maximumFactor) refuse("factor", settings.maximumFactor, maximumFactor);
  if (settings.nativeWindow > nativeWindow) refuse("nativeWindow", settings.nativeWindow, nativeWindow);
  // Of what a model was trained with, `none` takes the native window, and every other word the whole one.
  if (settings.extendedWindow > extendedWindow) refuse("extend", settings.extendedWindow, extendedWindow);
  if (settings.allowBeyondWindow && !allowBeyondWindow) refuse("allowBeyondWindow", true, false);
  // What is suggested is for who loads the model, with the window that was given there.
  return { options, settings: { ...settings, givenWindow: outer.settings.givenWindow }, tuning };
}

/** Qwen3's factors refer to less than its native window: a lower one of these does not raise the other. */
function withOriginalWindow(settings: ContextSettings, most: number): ContextSettings {
  if (settings.originalWindow <= most) return settings;
  const windows = { nativeWindow: settings.nativeWindow, originalWindow: most };
  return { ...settings, ...windows, extendedWindow: stretchedWindow(settings.maximumFactor, windows) };
}

function refuse(option: string, wanted: unknown, loaded: unknown): never {
  throw new InvalidOptionError(
    `context.${option}`,
    `${String(wanted)} is wider than the ${String(loaded)} that was set before: set it when the model is loaded`,
  );
}
