import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createHaystack } from "../haystack.ts";
import { openLocalTarget } from "../local-target.ts";
import { resolveMethods } from "../method.ts";
import type { Target } from "../target.ts";
import type { Plan } from "../trial.ts";

const tiny = fileURLToPath(new URL("../../../models/tiny-qwen2", import.meta.url));

/** A plan on the embedded model, whose native window is 256. */
export async function openTestPlan(
  methodNames: readonly string[],
  settings: Partial<Plan> = {},
): Promise<{ readonly plan: Plan; readonly target: Target }> {
  const methods = resolveMethods(methodNames, [4]);
  const cache = settings.cache ?? "f32";
  const target = await openLocalTarget(tiny, {
    name: "tiny-qwen2",
    methods,
    cache,
    threads: 1,
    signal: new AbortController().signal,
  });
  const haystack = createHaystack("haystack.txt", await readFile(`${tiny}/haystack.txt`, "utf8"));
  const shared = { lengths: [256], samples: 2, share: 1, seed: 1, cache };
  return { target, plan: { target, methods, ways: methods, haystack, ...shared, ...settings } };
}

/** For trials that are run by themselves. */
export const untold: { readonly signal: AbortSignal; readonly onTokens: () => void } = {
  signal: new AbortController().signal,
  onTokens: () => {},
};
