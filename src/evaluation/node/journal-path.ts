import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { listHubModels } from "../../index.ts";

/**
 * Where the journal of a run is kept: under a name that stands for all that its results depend on, so that two kinds of run never share one, and for what was
 * asked for, so that none begins anew what another one kept. `SKEIN_STATE` chooses the folder; else it is where the system keeps what programs go on from.
 *
 * @param identity - what the result of a part depends on; runs that differ in nothing of it go on with each other's parts
 * @param asked - which parts: lengths, methods, suites
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function journalPath(
  identity: Readonly<Record<string, unknown>>,
  asked: Readonly<Record<string, unknown>>,
): string {
  return join(stateFolder(), `${hash(identity).slice(0, 32)}-${hash(asked).slice(0, 16)}.jsonl`);
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/**
 * @returns what tells the files of a model apart from those that stand in their place later: of an id on the Hub the snapshot in the cache; the address alone
 * of what lies on the web
 */
export async function identifyFiles(source: string): Promise<readonly string[]> {
  const path = await realpath(source).catch(() => undefined);
  if (path === undefined) return [source, ...(await findSnapshots(source))];
  const isFolder = (await stat(path)).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const names = isFolder ? (await readdir(path)).sort() : [path.slice(folder.length + 1)];
  const files = names.filter((name) => /\.(safetensors|gguf|json)$/.test(name));
  const facts = files.map(async (name) => {
    const status = await stat(join(folder, name)).catch(() => undefined); // a link to nothing
    return `${name} ${status?.size} ${status?.mtimeMs}`;
  });
  return [path, ...(await Promise.all(facts))];
}

/** What a revision stands for changes when the model is pulled again. */
async function findSnapshots(source: string): Promise<readonly string[]> {
  const [, repository, revision = "main"] = /^([\w.-]+\/[\w.-]+)[^@]*(?:@([^@:]+))?/.exec(source) ?? [];
  if (repository === undefined) return [];
  // The cache may be one that can be entered and not listed: models are found in it, by name.
  const { models } = await listHubModels().catch(() => ({ models: [] }));
  const revisions = models.filter((model) => model.repository === repository).flatMap((model) => model.revisions);
  return revisions
    .filter(({ names, commit }) => names.includes(revision) || commit === revision)
    .map(({ path }) => path);
}

function stateFolder(): string {
  const { SKEIN_STATE: chosen, XDG_STATE_HOME: state, LOCALAPPDATA: local } = process.env;
  if (chosen) return join(resolve(chosen.replace(/^~(?=[/\\]|$)/, () => homedir())), "evaluations");
  const home = homedir();
  switch (process.platform) {
    case "darwin":
      return join(home, "Library", "Application Support", "skein", "evaluations");
    case "win32":
      return join(local || join(home, "AppData", "Local"), "skein", "evaluations");
    default:
      return join(state || join(home, ".local", "state"), "skein", "evaluations");
  }
}
