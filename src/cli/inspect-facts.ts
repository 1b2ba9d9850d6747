import type { ModelInspection } from "../index.ts";
import { printableLine } from "./node/terminal.ts";

/**
 * How a model's window can be extended: `not-needed` it is long already, `available` by an option, `declared` its configuration enables
 * YaRN, `trained` its own scaling belongs to it, `impossible` not at all.
 */
export type ExtensionState = "not-needed" | "available" | "declared" | "trained" | "impossible";

export function extensionState({ context, yarn }: ModelInspection): ExtensionState {
  if (context.method === "trained") return "trained";
  if (context.method === "yarn") return "declared";
  if (yarn === null) return "impossible";
  return yarn.needed ? "available" : "not-needed";
}

/** The largest window that YaRN makes at the factor that is suggested, in tokens. */
export function suggestedWindow({ context, yarn }: ModelInspection): number {
  return yarn?.factors.find(({ factor }) => factor === yarn.option.factor)?.extendedWindow ?? context.extendedWindow;
}

/** The option that enables YaRN, as it is written in a program. */
export function enablingOption({ yarn }: ModelInspection): string {
  const fields = Object.entries(yarn?.option ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `context: { ${fields.join(", ")} }`;
}

/** The command that generates with YaRN enabled. */
export function enablingCommand({ name, yarn }: ModelInspection): string {
  const { factor = 4, nativeWindow } = yarn?.option ?? {};
  const flags = [
    "--yarn",
    ...(factor === 4 ? [] : [`--factor ${factor}`]),
    ...(nativeWindow === undefined ? [] : [`--native-window ${nativeWindow}`]),
  ];
  return `skein generate ${quoteForShell(name)} ${flags.join(" ")}`;
}

/** Bytes in the largest unit that keeps them readable: `56 KiB`, `1.75 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 1024 ** power).toPrecision(4))} ${units[power]}`;
}

/** An attention scaling: four decimals are what differs visibly. */
export function formatScaling(scaling: number): string {
  return String(Number(scaling.toFixed(4)));
}

/** A factor as people write it: 4, 2.5. */
export function formatFactor(factor: number): string {
  return String(Number(factor.toFixed(4)));
}

/** Wavelengths run from 6 tokens to millions: `6.28`, `35.3K`, `5.06M`. */
export function formatWavelength(tokens: number): string {
  if (tokens < 1e4) return String(tokens < 100 ? Number(tokens.toPrecision(3)) : Math.round(tokens));
  const [scaled, unit] = tokens < 1e6 ? [tokens / 1e3, "K"] : tokens < 1e9 ? [tokens / 1e6, "M"] : [tokens / 1e9, "G"];
  return `${scaled < 1e4 ? Number(scaled.toPrecision(3)) : scaled.toExponential(1)}${unit}`;
}

/** The fastest and the slowest pair of a head. */
export function formatWavelengths({ encoding }: ModelInspection): string {
  return `${formatWavelength(encoding.wavelengths[0] ?? 0)} … ${formatWavelength(encoding.wavelengths.at(-1) ?? 0)}`;
}

/** End tokens with their texts: `151645 <|im_end|>, 151643 <|endoftext|>`. */
export function formatEndTokens({ endTokens }: ModelInspection, separator = ", "): string {
  return endTokens.map(({ id, text }) => (text === null ? String(id) : `${id} ${safeText(text)}`)).join(separator);
}

/** Text from a file, fit for a terminal: no control characters, and of bounded length, in characters. */
export function safeText(text: string, most = 60): string {
  return printableLine(text, most);
}

/** A text as one word of a command. */
export function quoteForShell(text: string): string {
  return /^[\w./:@+-][\w./:@+,=-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
