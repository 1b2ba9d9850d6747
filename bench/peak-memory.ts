import { readFileSync } from "node:fs";

/** The most memory that this process ever had in use, in bytes, files that are mapped into it included. */
export function peakMemory(): number {
  try {
    // Not ru_maxrss: it begins with the memory of the process that started this one.
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // No Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
