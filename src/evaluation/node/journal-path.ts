import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

/**
 * Where the journal of a run is kept: under a name that stands for all that its results depend on, so that two kinds of run never share one.
 * `SKEIN_STATE` chooses the folder; else it is where the system keeps what programs go on from.
 *
 * @param identity - what was asked for; lengths, methods and suites need not be in it, since every trial says its own
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function journalPath(identity: Readonly<Record<string, unknown>>): string {
  const name = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
  return join(stateFolder(), `${name}.jsonl`);
}

/** @returns what tells the files of a model apart from those that stand in their place later; the name alone for what is no local path */
export async function identifyFiles(source: string): Promise<readonly string[]> {
  const path = await realpath(source).catch(() => undefined);
  if (path === undefined) return [source];
  const isFolder = (await stat(path)).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const names = isFolder ? (await readdir(path)).sort() : [path.slice(folder.length + 1)];
  const files = names.filter((name) => /\.(safetensors|gguf|json)$/.test(name));
  const facts = files.map(async (name) => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
  return [path, ...(await Promise.all(facts))];
}

function stateFolder(): string {
  const { SKEIN_STATE: chosen, XDG_STATE_HOME: state, LOCALAPPDATA: local } = process.env;
  if (chosen) return join(resolve(chosen), "evaluations");
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
