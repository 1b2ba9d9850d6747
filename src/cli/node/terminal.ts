import { inspect, styleText } from "node:util";
import stringWidth from "string-width";

type Style = Parameters<typeof styleText>[0];

/** Colours text for stdout; plain when piped, and as NO_COLOR and FORCE_COLOR say. */
export function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stdout, validateStream: true });
}

/** The same for stderr. */
export function styleError(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stderr, validateStream: true });
}

/** Writes a line to stdout. */
export function print(line = ""): void {
  if (!process.stdout.destroyed) process.stdout.write(`${line}\n`);
}

/** Text that strangers may have written, in its lines, without anything that a terminal takes for more than text. */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

/** The same in one line, of a bounded length in characters. */
export function printableLine(text: string, most: number): string {
  const shown = printable(text).replaceAll(/[\n\t]/g, "\ufffd");
  return shown.length > most ? `${shown.slice(0, most)}…` : shown;
}

/**
 * A command to be copied from stdout, in its lines: what joins letters and signs stays, as it may be part of a name. A terminal is given no control
 * characters, and no marks that turn text around; a file or a pipe is given the command as it is.
 */
export function copyable(command: string): string {
  if (process.stdout.isTTY !== true) return command;
  return command.replaceAll(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/**
 * Writes a model's text to stdout, and waits while the reader is slower than we are. A terminal is given no control characters, which may be commands to it;
 * what joins letters and signs stays.
 */
export async function writeAnswer(answer: string): Promise<void> {
  const isSeen = process.stdout.isTTY === true;
  const text = isSeen ? answer.replaceAll("\r", "").replaceAll(/(?![\n\t])\p{Cc}/gu, "\ufffd") : answer;
  if (text === "" || process.stdout.destroyed || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => {
    process.stdout.once("drain", resolve);
    process.stdout.once("close", resolve);
  });
}

/** Writes one object as one line. */
export function printJson(value: unknown): void {
  if (!process.stdout.destroyed) process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Waits until stdout took what was written. Where it cannot be, the process ends: see {@link quietOnClosedPipe}. */
export function outputTaken(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write("", (error) => {
      if (!error) resolve();
    });
  });
}

/** Says something beside the result: to stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

let goesOnWithoutReader = false;

/** What is under way has a use also when nobody reads the output any more, as a session that is to be saved. */
export function goOnWithoutReader(): void {
  goesOnWithoutReader = true;
}

/**
 * The reader of a pipe may leave when it has what it wants (`| head`): that is no error, and as a rule nothing more is to be done. Errors of stderr
 * cannot be told to anybody.
 */
export function quietOnClosedPipe(): void {
  process.stderr.on("error", () => {});
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" && goesOnWithoutReader) return;
    if (error.code === "EPIPE") process.exit(0);
    note(`skein: standard output cannot be written (${error.code ?? error.message})`);
    process.exit(1);
  });
}

/**
 * Lays rows out in columns, which line up whatever the width of the letters (Chinese ones are two columns wide).
 *
 * @param rows - cells; may be coloured
 * @param align - one letter a column: l or r
 */
export function table(rows: readonly (readonly string[])[], align: string): string {
  const widths = [...align].map((_, column) => Math.max(...rows.map((row) => stringWidth(row[column] ?? ""))));
  return rows
    .map((row) =>
      [...align]
        .map((side, column) => {
          const cell = row[column] ?? "";
          const gap = " ".repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(cell)));
          return side === "r" ? gap + cell : cell + gap;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A thrown value with its stack and causes, for `--debug`. Messages quote files, as they do without it. */
export function describeForDebugging(error: unknown): string {
  return printable(inspect(error, { depth: 4 }));
}
