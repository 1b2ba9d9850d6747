import { fork } from "node:child_process";
import type { Engine, Measurement, Task } from "./engine.ts";
import { runTask, type TaskEvents } from "./run-task.ts";

/** What a child process is asked to measure. */
export interface Job<Options> {
  readonly options: Options;
  readonly task: Task;
}

type Message =
  | { readonly type: "progress"; readonly label: string; readonly completed: number; readonly total: number }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "result"; readonly measurement: Measurement }
  | { readonly type: "error"; readonly message: string };

export interface ChildOptions extends TaskEvents {
  readonly signal: AbortSignal;
  /** Variables of the environment beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Measures in a process of its own, which has the machine's memory and threads to itself and ends afterwards.
 *
 * @param script - a file that calls {@link serveJob}
 * @throws Error with the child's own message; the signal's reason
 */
export async function measureInChild<Options>(
  script: URL,
  job: Job<Options>,
  { signal, onProgress, onNote, environment }: ChildOptions,
): Promise<Measurement> {
  signal.throwIfAborted();
  const child = fork(script, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", process.stderr, process.stderr, "ipc"], // standard output is the report's
  });
  const stop = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Measurement>((resolve, reject) => {
      let measurement: Measurement | undefined;
      child.once("error", reject);
      child.on("message", (message: Message) => {
        if (message.type === "progress") onProgress(message.label, message.completed, message.total);
        else if (message.type === "note") onNote(message.text);
        else if (message.type === "error") reject(new Error(message.message));
        else measurement = message.measurement;
      });
      // The next measurement begins when this one's memory is free again.
      child.once("close", (code, killedBy) => {
        if (signal.aborted) reject(signal.reason);
        else if (measurement) resolve(measurement);
        else reject(new Error(`the measuring process ended ${describeEnd(code, killedBy)}`));
      });
      child.send(job);
    });
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The other side: takes one job, sends what it found, and ends. */
export function serveJob<Options>(open: (options: Options, onNote: (text: string) => void) => Promise<Engine>): void {
  const send = (message: Message): void => void process.send?.(message);
  process.once("disconnect", () => process.exit(1)); // nobody waits for the result any more
  process.once("message", async ({ options, task }: Job<Options>) => {
    const onNote = (text: string): void => send({ type: "note", text });
    const onProgress = (label: string, completed: number, total: number): void =>
      send({ type: "progress", label, completed, total });
    try {
      const measurement = await runTask(() => open(options, onNote), task, { onProgress, onNote });
      await new Promise((sent) => process.send?.({ type: "result", measurement } satisfies Message, sent));
      process.exit();
    } catch (error) {
      await new Promise((sent) =>
        process.send?.({ type: "error", message: String((error as Error).message) } satisfies Message, sent),
      );
      process.exit(1);
    }
  });
}

function describeEnd(code: number | null, killedBy: string | null): string {
  if (killedBy === "SIGKILL") return "by SIGKILL: perhaps the machine ran out of memory";
  return killedBy === null ? `with code ${code} and without a result` : `by ${killedBy}`;
}
