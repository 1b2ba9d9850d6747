import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../src/checkpoint/node/make-folder.ts";

/** The benchmark's folder. Everything in it can be deleted at any time, and is made again. */
export interface Workspace {
  readonly checkpoints: string;
  /** Texts that were read, by engine, setting and length. */
  readonly texts: string;
  /** Where Skein keeps repacked weights. */
  readonly cache: string;
  /** What was measured beside a peer on a shape. */
  readonly results: (shape: string) => string;
  /** The setting with which a peer is fastest. */
  readonly peerSetting: (shape: string, threads: number) => string;
}

export async function openWorkspace(folder: string): Promise<Workspace> {
  const checkpoints = join(folder, "checkpoints");
  const texts = join(folder, "texts");
  const cache = join(folder, "cache");
  for (const path of [checkpoints, texts, cache]) await makeFolder(path);
  await removeUnfinished(texts);
  return {
    checkpoints,
    texts,
    cache,
    results: (shape) => join(folder, `results-${shape}.jsonl`),
    peerSetting: (shape, threads) => join(folder, `llama-setting-${shape}-${threads}-threads.json`),
  };
}

/** @param parts - all that the keys and values depend on */
export function textPath({ texts }: Workspace, parts: readonly (string | number)[], length: number): string {
  return join(texts, `${[...parts, length].join("-")}.text`);
}

/** What is not finished by then never will be: writing a text takes seconds. */
const unfinishedMilliseconds = 600_000;

/** What was being saved when a run was interrupted. What another command is saving stays. */
async function removeUnfinished(texts: string): Promise<void> {
  for (const name of await readdir(texts)) {
    if (name.endsWith(".text")) continue;
    const path = join(texts, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts && Date.now() - facts.mtimeMs > unfinishedMilliseconds) await rm(path, { force: true });
  }
}
