import fc from "fast-check";
import { expect, test } from "vitest";
import { loadModel, SkeinError } from "../src/index.ts";
import { byteChanges, changeBytes } from "./hostile/change-bytes.ts";
import { changeJson, jsonChanges } from "./hostile/change-json.ts";
import { microModel } from "./hostile/micro-model.ts";

const files = microModel();
const names = Object.keys(files);

test("models of which one file is changed load in their workers and answer, or are refused; workers end", async () => {
  const change = fc.oneof(
    byteChanges(2000).map((changes) => ({ changes })),
    jsonChanges().map((jsonChanges) => ({ jsonChanges })),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), change, async (name, changed) => {
      const before = files[name]!;
      const isJson = name.endsWith(".json");
      if ("jsonChanges" in changed && !isJson) return;
      const bytes =
        "changes" in changed
          ? changeBytes(before, changed.changes, files[names[0]!]!)
          : new TextEncoder().encode(changeJson(new TextDecoder().decode(before), changed.jsonChanges));
      await tryModel({ ...files, [name]: bytes });
    }),
    { numRuns: 20, seed: 20_000 },
  );
}, 300_000);

async function tryModel(contents: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): Promise<void> {
  const blobs = Object.fromEntries(Object.entries(contents).map(([name, bytes]) => [name, new Blob([bytes])]));
  try {
    await using model = await loadModel(blobs, { threads: 1, onWarning: () => {} });
    const messages = [{ role: "user", content: "ab" }];
    await model.generate({ messages, maxTokens: 2 }).result();
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    expect(error.code).not.toMatch(/^(internal|worker_failed)$/);
    expect(error.message).toMatch(/^[^\n\r]{1,1000}$/);
  }
}
