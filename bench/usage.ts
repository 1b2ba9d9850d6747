import { readFileSync } from "node:fs";

/** What the machine gave a process for a while: tells a slow program from a slow machine. */
export interface Usage {
  /** Processors that the process used, on average, all its threads together. */
  readonly processors: number;
  /** Processors that a virtual machine was given less, meanwhile, than it could have used (Linux: steal time); absent where nobody knows. */
  readonly stolen?: number;
}

/** Of the times in `/proc/stat`, a second; the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Begins to watch. @returns what ends it, and tells what was used */
export function watchUsage(): () => Usage {
  const began = performance.now();
  const before = process.cpuUsage();
  const stolenBefore = stolenSeconds();
  return () => {
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(before);
    const stolenAfter = stolenSeconds();
    return {
      processors: (user + system) / 1e6 / seconds,
      ...(stolenBefore !== undefined &&
        stolenAfter !== undefined && { stolen: (stolenAfter - stolenBefore) / seconds }),
    };
  };
}

/** Since the machine started, of all its processors. */
function stolenSeconds(): number | undefined {
  try {
    // user nice system idle iowait irq softirq steal
    const steal = /^cpu +(?:\d+ +){7}(\d+)/.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    return steal === undefined ? undefined : Number(steal) / ticksPerSecond;
  } catch {
    return undefined; // No Linux.
  }
}
