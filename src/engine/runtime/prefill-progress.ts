import type { Progress } from "../options.ts";
import type { Sequence } from "./sequence.ts";

/** What a step tells about a prompt that is being read; `growth` when it is read again under another factor. */
export function reportPrefill(
  sequence: Sequence,
  grew: boolean,
  emit: (event: { readonly type: "progress"; readonly progress: Progress }) => void,
): (cached: number) => void {
  const start = sequence.cache.length;
  const total = sequence.length - start;
  const phase = grew ? "growth" : "prefill";
  return (cached) => emit({ type: "progress", progress: { phase, completed: cached - start, total } });
}
