import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { makeFolder } from "../../node/make-folder.ts";
import type { HubFile } from "../repository.ts";

/**
 * The folder that Python's `huggingface_hub` keeps a repository in:
 *
 *     models--OWNER--NAME/
 *       blobs/ETAG                     the contents, by hash
 *       refs/REVISION                  the commit that a branch or tag was when it was last asked for
 *       snapshots/COMMIT/FILE          links to blobs
 *       .no_exist/COMMIT/FILE          empty: this commit has no such file
 *
 * @see https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class RepositoryFolder {
  readonly path: string;
  /** Where the locks of its blobs are. */
  readonly locks: string;

  constructor(cache: string, repository: string) {
    const name = `models--${repository.replace("/", "--")}`;
    this.path = join(cache, name);
    this.locks = join(cache, ".locks", name);
  }

  blob(etag: string): string {
    return join(this.path, "blobs", etag);
  }

  snapshot(commit: string): string {
    return join(this.path, "snapshots", commit);
  }

  /** @returns the commit that a revision was when it was last asked for, or whose beginning it is */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await readFile(join(this.path, "refs", revision), "utf8").catch(() => "")).trim();
    if (isCommit(commit)) return commit;
    if (!/^[0-9a-f]{7,39}$/.test(revision)) return undefined;
    const matching = (await readdir(join(this.path, "snapshots")).catch(() => [])).filter((name) =>
      name.startsWith(revision),
    );
    return matching.length === 1 && isCommit(matching[0]!) ? matching[0] : undefined;
  }

  /** To be called when all files of the commit are there. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if ((await this.commitOf(revision)) === commit) return;
    const path = join(this.path, "refs", revision);
    await makeFolder(dirname(path));
    const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
    await writeFile(temporary, commit);
    await rename(temporary, path);
  }

  /** @returns whether a file of a commit is there, with its size */
  async has(commit: string, { name, size }: HubFile): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), name))) === size;
  }

  /** Puts a blob into a snapshot: as a link, or, where the system makes none, as the file itself. */
  async link(commit: string, { name, etag }: HubFile): Promise<void> {
    const path = join(this.snapshot(commit), name);
    const blob = this.blob(etag);
    await makeFolder(dirname(path));
    const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
    try {
      await symlink(relative(dirname(path), blob), temporary);
    } catch (error) {
      if (!["EPERM", "EACCES", "ENOSYS", "ENOTSUP", "EINVAL", "UNKNOWN"].includes(codeOf(error))) throw error;
      await rename(blob, path);
      return;
    }
    await rename(temporary, path).catch(async (error: unknown) => {
      await rm(temporary, { force: true });
      throw error;
    });
  }

  /** Remembers, as Python does, that a commit lacks a file. */
  async markMissing(commit: string, name: string): Promise<void> {
    const path = join(this.path, ".no_exist", commit, name);
    await makeFolder(dirname(path));
    await writeFile(path, "", { flag: "a" });
  }

  async isMissing(commit: string, name: string): Promise<boolean> {
    return (await sizeOf(join(this.path, ".no_exist", commit, name))) !== undefined;
  }
}

/** @returns bytes; undefined when there is no such file. Links are followed */
export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
