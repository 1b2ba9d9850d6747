import ora, { type Ora } from "ora";
import { styleError } from "./terminal.ts";

/** A line on stderr that says how far something is; shown only in a terminal, and only once it takes long. */
export interface ProgressLine {
  /** @param unit - what is counted, as "tokens" */
  readonly update: (label: string, completed: number, total: number, unit: string) => void;
  /** Takes the line away. */
  readonly clear: () => void;
}

const patienceMilliseconds = 700;

export function createProgressLine(): ProgressLine {
  let spinner: Ora | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let text = "";
  let label = "";
  let began = 0;
  let base = 0;
  const show = (): void => {
    // It knows nothing of NO_COLOR.
    const color = styleError("cyan", text) === text ? false : "cyan";
    // Standard input stays as it is, so that Ctrl-C reaches the process.
    spinner = ora({ stream: process.stderr, discardStdin: false, text, color }).start();
  };
  return {
    update: (newLabel, completed, total, unit) => {
      // A terminal that does not know its width (in some containers) says 0, and ora would count lines without end.
      if (process.stderr.isTTY !== true || !process.stderr.columns) return;
      const now = performance.now();
      if (newLabel !== label) {
        label = newLabel;
        began = now;
        base = completed;
      }
      text = describe(label, completed, total, unit, ((completed - base) * 1000) / Math.max(1, now - began));
      if (spinner) spinner.text = text;
      else timer ??= setTimeout(show, patienceMilliseconds).unref();
    },
    clear: () => {
      clearTimeout(timer);
      timer = undefined;
      spinner?.stop();
      spinner = undefined;
      label = "";
    },
  };
}

function describe(label: string, completed: number, total: number, unit: string, rate: number): string {
  const percent = Math.floor((100 * completed) / Math.max(1, total));
  const isBytes = unit === "bytes";
  // As formatBytes says what came of it, in one unit, so that the numbers can be compared while they change.
  const show = (count: number): string => (isBytes ? (count / 2 ** 20).toFixed(1) : String(Math.round(count)));
  const name = isBytes ? "MiB" : unit;
  const speed =
    rate > 0 ? `, ${show(rate)}${isBytes ? " MiB" : ""}/s, ${formatDuration((total - completed) / rate)} left` : "";
  return `${label} ${bar(percent)} ${percent} %  ${show(completed)} of ${show(total)} ${name}${speed}`;
}

function bar(percent: number): string {
  const filled = Math.round(percent / 10);
  return "█".repeat(filled) + "░".repeat(10 - filled);
}

function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
