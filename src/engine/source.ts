import { workers } from "#workers";
import type { ModelFiles } from "../checkpoint/blobs.ts";
import { InvalidOptionError } from "../errors.ts";
import { sendGguf } from "./send-gguf.ts";
import { type SharedFiles, shareFiles } from "./shared-files.ts";

/** Where a model is: the path, or `file:` or `http(s):` URL, of a folder or a GGUF file, or the files themselves. */
export type ModelSource = string | URL | ModelFiles;

/** The same in a form that can be sent to a worker. */
export type SourceDescription =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "files"; readonly files: ModelFiles }
  | { readonly kind: "shared"; readonly shared: SharedFiles };

/** A source that is ready to be sent to one worker. */
export interface SentSource {
  readonly description: SourceDescription;
  readonly transfer: readonly MessagePort[];
  /** Aborted when what the worker reads through has ended: it would wait forever. */
  readonly failed?: AbortSignal;
  /** To be called when the worker has read what it needs. */
  readonly stop: () => void;
}

/** Prepares a source for one worker. */
export function sendSource(source: CheckedSource): SentSource {
  const gguf = sendGguf(source);
  if (gguf) return gguf;
  if (source.kind !== "files" || canBeSent(source.files)) return { description: source, transfer: [], stop: () => {} };
  const { shared, stop } = shareFiles(source.files);
  return { description: { kind: "shared", shared }, transfer: [shared.port], stop };
}

/** @throws InvalidOptionError when it is none of the three */
export function checkSource(source: ModelSource): CheckedSource {
  if (source instanceof URL) return describeUrl(source);
  if (typeof source === "string") {
    if (source === "") throw new InvalidOptionError("source", "is empty; give the path or URL of a model's folder");
    const url = /^(https?|file):\/\//i.test(source) ? source : workers.pageAddress?.(source);
    return url === undefined ? { kind: "folder", path: source } : describeUrl(parseUrl(url));
  }
  if (typeof source !== "object" || source === null || !Object.values(source).every((file) => file instanceof Blob)) {
    throw new InvalidOptionError("source", "must be a path, a URL, or an object of files (Blobs) by their names");
  }
  return { kind: "files", files: source };
}

/** A source as its owner has it; in a page a path has become a URL. */
export type CheckedSource = Exclude<SourceDescription, { readonly kind: "shared" }>;

/** A Blob in memory goes to a worker as a handle, without a copy; one that stands for a file on disk does not, in Node. */
function canBeSent(files: ModelFiles): boolean {
  try {
    structuredClone(files);
    return true;
  } catch {
    return false;
  }
}

function describeUrl(url: URL): CheckedSource {
  if (!["http:", "https:", "file:"].includes(url.protocol)) {
    throw new InvalidOptionError(
      "source",
      `${url.protocol} URLs cannot be read; give http:, https: or file:, or the files as Blobs`,
    );
  }
  return { kind: "url", url: url.href };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new InvalidOptionError("source", `${text} is not a URL`);
  return new URL(text);
}
