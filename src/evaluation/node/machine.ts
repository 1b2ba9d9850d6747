import { availableParallelism, cpus } from "node:os";

/** What a run was computed on: its rates mean nothing without. */
export function describeMachine(): { readonly processor: string; readonly cores: number } {
  return { processor: cpus()[0]?.model.trim() ?? "unknown", cores: availableParallelism() };
}
