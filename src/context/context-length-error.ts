import { SkeinError } from "../errors.ts";
import type { ContextOptions } from "./options.ts";
import { type ContextSettings, windowAt } from "./settings.ts";

/** The factor up to which the Qwen models were shown to work. */
const provenFactor = 4;

/** More tokens than the window has. Code `context_length_exceeded`. */
export class ContextLengthError extends SkeinError {
  override readonly name: string = "ContextLengthError";
  declare readonly code: "context_length_exceeded";
  /** Tokens that the sequence would have. */
  declare readonly tokensNeeded: number;
  /** Tokens that fit. */
  declare readonly tokensAvailable: number;
  declare readonly nativeWindow: number;
  declare readonly extendedWindow: number;
  /** The options that would make the tokens fit, as a user writes them; undefined when none does. */
  declare readonly option: string | undefined;
  /** The same as an object. */
  declare readonly suggestion: ContextOptions | undefined;
  /** Whether an answer without `maxTokens` came to the end of its window. */
  declare readonly isOpenEnded: boolean;
  /** The name of the adapter whose windows these are, where it has its own. */
  declare readonly adapter: string | undefined;

  constructor(fields: ContextLengthFields, message: string = describe(fields)) {
    super("context_length_exceeded", message);
    Object.assign(this, fields);
  }
}

/** What a {@link ContextLengthError} carries. */
export interface ContextLengthFields {
  readonly tokensNeeded: number;
  readonly tokensAvailable: number;
  readonly nativeWindow: number;
  readonly extendedWindow: number;
  readonly option: string | undefined;
  readonly suggestion: ContextOptions | undefined;
  /** Whether an answer without `maxTokens` came to the end of its window. */
  readonly isOpenEnded: boolean;
  readonly adapter?: string | undefined;
}

/** The error for a sequence that needs more tokens than the settings allow at any factor. */
export function contextLengthError(
  settings: ContextSettings,
  tokensNeeded: number,
  isOpenEnded = false,
): ContextLengthError {
  const suggestion = suggest(settings, tokensNeeded);
  return new ContextLengthError({
    tokensNeeded,
    tokensAvailable: settings.extendedWindow,
    nativeWindow: settings.nativeWindow,
    extendedWindow: settings.extendedWindow,
    suggestion,
    option: suggestion && formatOption(suggestion),
    isOpenEnded,
    adapter: settings.adapter,
  });
}

/**
 * The error for an answer without `maxTokens` that reached the end of the window at its factor: a larger factor may be enabled, but an
 * open-ended request never takes it by itself.
 */
export function openEndError(settings: ContextSettings, tokensNeeded: number, factor: number): ContextLengthError {
  const tokensAvailable = windowAt(settings, factor);
  const isEnd = tokensAvailable >= settings.extendedWindow && !settings.allowBeyondWindow;
  if (isEnd) return contextLengthError(settings, tokensNeeded, true);
  return new ContextLengthError({
    tokensNeeded,
    tokensAvailable,
    nativeWindow: settings.nativeWindow,
    extendedWindow: settings.extendedWindow,
    suggestion: undefined,
    option: "maxTokens",
    isOpenEnded: true,
    adapter: settings.adapter,
  });
}

function suggest(settings: ContextSettings, tokensNeeded: number): ContextOptions | undefined {
  const { method, givenWindow: nativeWindow } = settings;
  if (method === "trained" || settings.hasFixedScaling) return undefined; // what was trained has its factor
  const factor = [2, provenFactor].find((step) => settings.originalWindow * step >= tokensNeeded);
  if (factor === undefined || factor <= settings.maximumFactor) return undefined;
  // The factor refers to the window that was given; without it, the configuration's would be taken again.
  return { extend: method === "none" ? "yarn" : method, factor, ...(nativeWindow && { nativeWindow }) };
}

function formatOption({ extend, factor, nativeWindow }: ContextOptions): string {
  return `context: { extend: "${extend}", factor: ${factor}${nativeWindow ? `, nativeWindow: ${nativeWindow}` : ""} }`;
}

function describe(fields: ContextLengthFields): string {
  const { tokensNeeded, tokensAvailable, nativeWindow, extendedWindow, option, isOpenEnded, adapter } = fields;
  const native = adapter === undefined ? "native window" : `window of the adapter ${adapter}`;
  const extended = extendedWindow > nativeWindow ? `, extended ${extendedWindow}` : "";
  const facts = `${tokensNeeded} tokens are needed and ${tokensAvailable} fit (${native} ${nativeWindow}${extended})`;
  if (option === "maxTokens")
    return `${facts}. Give maxTokens, so that the answer is planned for and the window extended as far as it needs.`;
  // An open end never extends the window by itself.
  if (option && isOpenEnded) return `${facts}. To extend the window: ${option}, and give maxTokens.`;
  if (option) return `${facts}. To extend the window: ${option}.`;
  return `${facts}. No option makes this many fit: shorten the input or maxTokens.`;
}
