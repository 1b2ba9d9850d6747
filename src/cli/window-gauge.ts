import type { ContextSettings, Session } from "../index.ts";

/** Cells; with the words beside them the line fits 80 columns. */
const width = 20;

/** The window in use, as a line: filled, native, extended, and the factor now. */
export function describeWindow(context: ContextSettings, session: Pick<Session, "length" | "factor">): string {
  const { nativeWindow, extendedWindow } = context;
  const factor = Number(session.factor.toFixed(3));
  const extended = extendedWindow > nativeWindow ? `extended ${extendedWindow}` : "not extended";
  return `${gauge(context, session.length)} ${session.length} tokens · native ${nativeWindow} · ${extended} · factor ${factor}`;
}

/** One cell stands for the same number of tokens everywhere; the mark is where the native window ends. */
function gauge({ nativeWindow, extendedWindow }: ContextSettings, length: number): string {
  const whole = Math.max(nativeWindow, extendedWindow, length);
  const cells = Array.from({ length: width }, (_, cell) => (cell * whole < length * width ? "█" : "░"));
  const mark = Math.round((nativeWindow / whole) * width);
  return `[${cells.slice(0, mark).join("")}${mark < width ? "|" : ""}${cells.slice(mark).join("")}]`;
}
