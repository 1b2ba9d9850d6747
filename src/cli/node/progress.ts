import ora, { type Ora } from "ora";

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
  let label = "";
  let began = 0;
  let base = 0;
  return {
    update: (newLabel, completed, total, unit) => {
      if (process.stderr.isTTY !== true) return;
      const now = performance.now();
      if (newLabel !== label) {
        label = newLabel;
        began = now;
        base = completed;
      }
      if (now - began < patienceMilliseconds) return;
      // Standard input stays as it is, so that Ctrl-C reaches the process.
      spinner ??= ora({ stream: process.stderr, discardStdin: false }).start();
      spinner.text = describe(label, completed, total, unit, (completed - base) / ((now - began) / 1000));
    },
    clear: () => {
      spinner?.stop();
      spinner = undefined;
      label = "";
    },
  };
}

function describe(label: string, completed: number, total: number, unit: string, rate: number): string {
  const percent = Math.floor((100 * completed) / Math.max(1, total));
  const left = rate > 0 ? `, ${formatDuration((total - completed) / rate)} left` : "";
  const [done, all, speed] =
    unit === "bytes"
      ? [completed, total, rate].map((n) => `${(n / 1e6).toFixed(0)} MB`)
      : [completed, total, Math.round(rate)];
  const counted = unit === "bytes" ? `${done} of ${all}` : `${done} of ${all} ${unit}`;
  return `${label} ${bar(percent)} ${percent} %  ${counted}, ${speed}${unit === "bytes" ? "" : ` ${unit}`}/s${left}`;
}

function bar(percent: number): string {
  const filled = Math.round(percent / 5);
  return "█".repeat(filled) + "░".repeat(20 - filled);
}

function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
