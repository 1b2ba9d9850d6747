/** A file of a repository, as the Hub lists it. */
export interface HubFile {
  /** Its path in the repository, with `/` between parts. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** What its content hashes to, in hexadecimal; the name of its blob in the cache. */
  readonly etag: string;
  /** Which hash that is: SHA-256 for large files, Git's SHA-1 of the object else. */
  readonly hash: "sha256" | "git-sha1";
}

/** A repository at one commit. */
export interface HubRepository {
  readonly repository: string;
  /** As it was asked for. */
  readonly revision: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}
