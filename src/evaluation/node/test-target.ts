import { cp, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createHaystack } from "../haystack.ts";
import { type LocalTarget, openLocalTarget } from "../local-target.ts";
import { resolveMethods } from "../method.ts";
import type { Plan } from "../trial.ts";

const tiny = fileURLToPath(new URL("../../../models/tiny-qwen2", import.meta.url));

/** A plan on the embedded model, or one made of it, whose native window is 256. */
export async function openTestPlan(
  methodNames: readonly string[],
  settings: Partial<Plan> = {},
  source: string = tiny,
): Promise<{ readonly plan: Plan; readonly target: LocalTarget }> {
  const methods = resolveMethods(methodNames, [4]);
  const cache = settings.cache ?? "f32";
  const target = await openLocalTarget(source, {
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

/** The embedded model with a tokenizer that puts its control token at these ends of a text, as Llama's does at the beginning. */
export async function makeSurrounding(folder: string, ends: readonly ("before" | "after")[]): Promise<void> {
  await cp(tiny, folder, { recursive: true });
  const tokenizer = JSON.parse(await readFile(`${folder}/tokenizer.json`, "utf8"));
  const [{ id, content }] = tokenizer.added_tokens;
  const control = { SpecialToken: { id: content, type_id: 0 } };
  const at = (end: "before" | "after"): readonly object[] => (ends.includes(end) ? [control] : []);
  tokenizer.post_processor = {
    type: "TemplateProcessing",
    single: [...at("before"), { Sequence: { id: "A", type_id: 0 } }, ...at("after")],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
  await writeFile(`${folder}/tokenizer.json`, JSON.stringify(tokenizer));
}

/** For trials that are run by themselves. */
export const untold: { readonly signal: AbortSignal; readonly onTokens: () => void } = {
  signal: new AbortController().signal,
  onTokens: () => {},
};
