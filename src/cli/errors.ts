import { InvalidOptionError, SkeinError } from "../index.ts";
import { describeForDebugging, note, printableLine, printJson, styleError } from "./node/terminal.ts";

/** Characters. */
const longestLine = 1000;

/** Wrong use of a command: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Says in one line what went wrong.
 * @param options.interruptedBy - the exit code for the signal that ended the command, if one did
 * @returns the exit code: 2 wrong use, 1 failure, 130 after Ctrl-C
 */
export function reportError(
  error: unknown,
  {
    debug,
    json,
    interruptedBy,
  }: { readonly debug: boolean; readonly json: boolean; readonly interruptedBy: number | undefined },
): number {
  if (interruptedBy !== undefined) {
    note(styleError("dim", "interrupted"));
    if (json) printInterruption();
    return interruptedBy;
  }
  note(`${styleError(["red", "bold"], "skein:")} ${describeError(error)}`);
  if (json)
    printJson({
      type: "error",
      code: error instanceof SkeinError ? error.code : error instanceof UsageError ? "usage" : "failed",
      message: describeError(error),
    });
  if (debug) note(describeForDebugging(error));
  return error instanceof UsageError || error instanceof InvalidOptionError ? 2 : 1;
}

/** The object of a command that a signal ended. Where a reader is behind it goes after what waits, or is lost with it: never into the middle of another one. */
export function printInterruption(): void {
  printJson({ type: "error", code: "interrupted", message: "interrupted" });
}

/** Says in one line what of a command line cannot be understood. @param hint - where help is */
export function reportUsage(message: string, { hint, json }: { readonly hint: string; readonly json: boolean }): void {
  const line = `${describeError(message.trim()).replace(/\.$/, "")}; ${hint}`;
  note(`${styleError(["red", "bold"], "skein:")} ${line}`);
  if (json) printJson({ type: "error", code: "usage", message: line });
}

/** Says a warning of the API to stderr. */
export function noteWarning({ message }: { readonly message: string }): void {
  note(`${styleError("yellow", "warning:")} ${fitForTerminal(inFlags(message))}`);
}

/** One line for people who type commands: options of the API appear as flags. */
export function describeError(error: unknown): string {
  const message = error instanceof InvalidOptionError ? aboutFlag(error) : messageOf(error);
  return fitForTerminal(inFlags(message.replaceAll(/\s*\n\s*/g, " ")));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Options of the API that a flag of their own name sets. Others come from arguments and surroundings, or from flags that check them. */
export const flaggedOptions: ReadonlySet<string> = new Set([
  ...["temperature", "topK", "topP", "minP", "repetitionPenalty", "presencePenalty", "frequencyPenalty", "seed"],
  ...["maxTokens", "stop", "promptLookup"],
  ...["adapter", "weights", "embeddings", "cache", "backend", "threads", "kernels"],
  ...["extend", "factor", "schedule", "steps", "growth", "nativeWindow", "allowBeyondWindow"],
  ...["context", "tasks", "methods", "factors", "lengths", "endpoint", "model", "concurrency"],
]);

/** Who typed a flag does not know the option that it sets, `context.nativeWindow` or `context.steps[0]`. */
function aboutFlag({ option, message }: InvalidOptionError): string {
  const reason = message.slice(option.length + 2);
  const [, adapter, field] = /^adapters\.(.*)\.(window|factor)$/s.exec(option) ?? [];
  if (field !== undefined) return `--adapter ${adapter}: ${field} ${reason}`;
  const name = option.replace(/^context\./, "").replace(/\[\d+\]$/, "");
  if (!flaggedOptions.has(name)) return message;
  // What `--yarn` asks for is declared already; it is another factor that cannot be had.
  const [, trained] = /^yarn cannot be put on yarn scaling, .*\(factor ([\d.]+)\)$/.exec(reason) ?? [];
  if (trained !== undefined)
    return `--factor: the model was trained with yarn scaling of factor ${trained}, which cannot be changed`;
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return `${flag}: ${reason}`.replace(/^--extend: yarn\b/, "--yarn");
}

/** A message of the API in the words of the command line. */
function inFlags(message: string): string {
  return message
    .replaceAll(
      /context: \{ extend: "(\w+)", factor: ([\d.]+)(?:,( nativeWindow: \d+))? \}/g,
      (_, extend, factor, window = "") =>
        `${extend === "yarn" ? "--yarn" : `--extend ${extend}`} --factor ${factor}${window}`,
    )
    .replaceAll(/nativeWindow: (\d+)/g, "--native-window $1")
    .replaceAll(/(cache|weights): "(\w+)"/g, "--$1 $2")
    .replace(ofChosenBackend, "--$1")
    .replaceAll("messages: this model has no chat template", "this model has no chat template")
    .replaceAll("pass the text as prompt", "leave --chat out")
    .replaceAll('add extend: "yarn"', "add --yarn")
    .replaceAll(
      'must be "continuous" or a list of 1 to 64 factors, as [1, 2, 4]',
      "must be 1 to 64 factors, as 1,2,4, or continuous",
    )
    .replaceAll("must be true, false, or the most guesses a step", "must be the most guesses a step")
    .replaceAll("shorten the input or maxTokens", "shorten the input or --max-tokens")
    .replaceAll(/\bgive maxTokens\b/gi, (words) =>
      words.startsWith("G") ? "Give --max-tokens N" : "give --max-tokens N",
    );
}

/** What is said of options that a backend, or this machine, cannot follow. (What is said of the kernels that nobody chose is of no flag.) */
const ofChosenBackend =
  /^(weights|embeddings|cache|threads|kernels)(?=: (?:\w+ is not known to the reference backend|\d+ were asked for|this engine has no relaxed SIMD|wide needs))/;

/** Messages quote files, and files may hold anything: no escape sequence of theirs reaches the terminal, and no endless line. */
export function fitForTerminal(text: string): string {
  return printableLine(text, longestLine);
}
