import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { SkeinError } from "../../errors.ts";
import type { WorkerHandle } from "../channel.ts";

/** Megabytes that a template may take. */
const mostMegabytes = 512;
/** Who started the process ends it sooner. Should that one be killed meanwhile, a template that never ends must not stay behind. */
const usualMilliseconds = 10_000;
/** How long the first answer may take, which usually takes 70: what is started need not be Node, and then never answers. */
const usualStartMilliseconds = 20_000;

const remedy =
  "in Electron leave the fuse RunAsNode on, keep this package out of bundles, or give a prompt or tokens in the place of messages";

/**
 * Starts what chat templates are rendered in. It is a process: limits of a thread do not hold. A template that asks a thread for more memory than it may have at once, or
 * for a list of more than 2^27 values, ends the whole process, whatever the thread's `resourceLimits` say.
 *
 * @param mostMilliseconds - after which the process itself ends a template
 * @param mostStartMilliseconds - after which it is ended if it has not answered at all
 * @throws SkeinError (code `worker_failed`) when no process can be started
 */
export function spawnTemplateProcess(
  mostMilliseconds: number = usualMilliseconds,
  mostStartMilliseconds: number = usualStartMilliseconds,
): WorkerHandle {
  const child = start(mostMilliseconds);
  const listeners: ((error: Error) => void)[] = [];
  let hasAnswered = false;
  const fail = (reason: string, options?: ErrorOptions): void => {
    clearTimeout(timer);
    const message = hasAnswered ? reason : `${reason}, so that no chat template can be rendered; ${remedy}`;
    for (const listener of listeners) listener(new Error(message, options));
  };
  const half = mostStartMilliseconds / 2;
  // In two steps, as in TemplateClient.
  let timer = setTimeout(() => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`its process did not answer within ${(half * 2) / 1000} seconds`);
    }, half).unref();
  }, half).unref();
  child.once("message", () => {
    hasAnswered = true;
    clearTimeout(timer);
  });
  child.on("error", (cause) => fail(cause.message, { cause }));
  child.on("exit", (code, signal) => fail(`its process ended (${signal ?? `code ${code}`})`));
  return {
    // One that has ended already says so by itself.
    post: (message) => void child.send(message as object, () => {}),
    onMessage: (listener) => child.on("message", listener),
    onFailure: (listener) => listeners.push(listener),
    keepAlive: (busy) => {
      for (const handle of [child, child.channel])
        if (busy) handle?.ref();
        else handle?.unref();
    },
    terminate: () => void child.kill("SIGKILL"),
  };
}

function start(mostMilliseconds: number): ChildProcess {
  try {
    return fork(fileURLToPath(new URL("./template-process.ts", import.meta.url)), [String(mostMilliseconds)], {
      // Flags of this process, such as a debugger's port, are its own.
      execArgv: [`--max-old-space-size=${mostMegabytes}`],
      env: { ...process.env, NODE_OPTIONS: "" },
      serialization: "advanced",
      // V8 writes a page of addresses when memory ends.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SkeinError(
      "worker_failed",
      `no process can be started to render the chat template in (${reason}); allow that, or give a prompt or tokens in the place of messages`,
      { cause },
    );
  }
}
