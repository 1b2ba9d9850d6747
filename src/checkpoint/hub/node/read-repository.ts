import { listFiles, modelInfo } from "@huggingface/hub";
import { quoteName } from "../../errors.ts";
import { checkFileName } from "../../files.ts";
import { isRecord } from "../../json-record.ts";
import { HubError } from "../errors.ts";
import { formatModelId, type ModelId } from "../model-id.ts";
import type { HubFile, HubRepository } from "../repository.ts";
import { request } from "./request.ts";
import type { HubSettings } from "./settings.ts";
import type { Subject } from "./status.ts";

/** More files and folders than any repository of a model has, and more pages than any list of them. */
const mostEntries = 20_000;
const mostPages = 1000;
/** The longest answer that is read: a page of the list has a thousand files at most. */
const longestAnswer = 32 * 2 ** 20;

/**
 * Asks the Hub which commit a revision is, and which files it has.
 *
 * @throws HubError when there is no such repository or revision, or the answer cannot be followed; the signal's reason
 */
export async function readRepository(
  settings: HubSettings,
  { repository, revision }: ModelId,
  signal: AbortSignal | undefined,
): Promise<HubRepository> {
  const subject = subjectOf(settings, { repository, revision });
  const hubUrl = settings.endpoint;
  const { sha: commit } = await modelInfo({
    hubUrl,
    fetch: fetchFor(settings, subject, signal, isRecord),
    name: repository,
    revision,
    additionalFields: ["sha"],
  });
  if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) throw unusable(subject, "names no commit");
  const files: HubFile[] = [];
  let entries = 0;
  for await (const entry of listFiles({
    hubUrl,
    fetch: fetchFor(settings, subject, signal, Array.isArray),
    repo: { type: "model", name: repository },
    revision: commit,
    recursive: true,
  })) {
    if (++entries > mostEntries) throw unusable(subject, `lists more than ${mostEntries} files and folders`);
    const file = readEntry(entry, subject);
    if (file !== undefined) files.push(file);
  }
  return { repository, revision, commit, files };
}

/** What requests about a repository, or a file of it, are about. */
export function subjectOf({ endpoint }: HubSettings, { repository, revision }: ModelId, file?: string): Subject {
  const id = formatModelId({ repository, revision });
  return { label: file === undefined ? id : `${file} of ${id}`, repository, revision, host: new URL(endpoint).host };
}

/**
 * `fetch` for the library: with our token, redirects, attempts and errors, and every address at the endpoint.
 *
 * @param isExpected - whether an answer is of the kind that the library takes it for
 */
function fetchFor(
  settings: HubSettings,
  subject: Subject,
  signal: AbortSignal | undefined,
  isExpected: (answer: unknown) => boolean,
): typeof fetch {
  let pages = 0;
  return async (input) => {
    const address = String(input instanceof Request ? input.url : input);
    if (!URL.canParse(address)) throw unusable(subject, "names a next page that is no address");
    if (++pages > mostPages) throw unusable(subject, `has more than ${mostPages} pages`);
    const { response, pieces } = await request(settings, {
      url: atEndpoint(new URL(address), settings).href,
      subject,
      kind: "question",
      signal,
      headers: { accept: "application/json" },
    });
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const piece of pieces()) {
      size += piece.length;
      if (size > longestAnswer) throw unusable(subject, "is longer than any list of files");
      parts.push(new Uint8Array(piece));
    }
    const text = await new Blob(parts).text();
    const answer = parse(text);
    if (answer === undefined) throw unusable(subject, "is no JSON");
    if (!isExpected(answer)) throw unusable(subject, "is not what a Hub answers");
    const link = response.headers.get("link");
    if (link !== null && Array.isArray(answer) && answer.length === 0)
      throw unusable(subject, "is an empty page before the last one");
    return new Response(text, { headers: link === null ? {} : { link } });
  };
}

/** A mirror passes on the address of the next page as the Hub gave it: with the Hub's host. */
function atEndpoint(url: URL, { endpoint }: HubSettings): URL {
  const base = new URL(endpoint);
  if (url.origin === base.origin) return url;
  const path = base.pathname === "/" ? "" : base.pathname;
  return new URL(`${base.origin}${url.pathname.startsWith(`${path}/`) ? "" : path}${url.pathname}${url.search}`);
}

/** @returns undefined for what is no file */
function readEntry(entry: unknown, subject: Subject): HubFile | undefined {
  const { type, path, size, oid, lfs } = (entry ?? {}) as Record<string, unknown>;
  if (type !== "file") return undefined;
  if (typeof path !== "string") throw unusable(subject, "lists a file without a name");
  checkFileName(path, subject.label);
  const large = lfs as { readonly oid?: unknown; readonly size?: unknown } | null | undefined;
  const file = large
    ? { size: large.size, etag: large.oid, hash: "sha256" as const, digits: 64 }
    : { size, etag: oid, hash: "git-sha1" as const, digits: 40 };
  const isHash = typeof file.etag === "string" && /^[0-9a-f]+$/.test(file.etag) && file.etag.length === file.digits;
  if (!isHash || !Number.isSafeInteger(file.size) || (file.size as number) < 0)
    throw unusable(subject, `gives no size and hash of ${quoteName(path)}`);
  return { name: path, size: file.size as number, etag: file.etag as string, hash: file.hash };
}

/** @returns undefined for what is no JSON */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unusable({ label, host }: Subject, what: string): HubError {
  return new HubError("network", `${label}: the answer of ${host} ${what}; check that HF_ENDPOINT is a Hub`);
}
