import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { HubSettings } from "./settings.ts";

/** A request that one of the servers got. */
export interface SeenRequest {
  readonly at: "hub" | "storage";
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** A repository to be served. Files of more than 1000 bytes are large ones, which lie elsewhere, behind a redirect. */
export interface TestRepository {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
}

/** Does something else with a request. @returns true when it has answered */
export type Interception = (
  seen: SeenRequest,
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | undefined;

/** A Hub for tests, and the storage that it redirects to: another server, on another port. */
export interface TestHub {
  readonly endpoint: string;
  readonly repositories: Map<string, TestRepository>;
  readonly requests: SeenRequest[];
  /** Of requests for contents, those of the storage. */
  readonly downloads: () => readonly SeenRequest[];
  intercept: Interception | undefined;
  readonly settings: (cache: string, others?: Partial<HubSettings>) => HubSettings;
  readonly close: () => Promise<void>;
}

const largeFrom = 1000;
/** Files on one page of a list. */
const pageFiles = 3;

export async function startTestHub(): Promise<TestHub> {
  const requests: SeenRequest[] = [];
  const repositories = new Map<string, TestRepository>();
  const listen = async (
    at: "hub" | "storage",
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ) => {
    const server = createServer((request, response) => {
      const { range, authorization } = request.headers;
      const seen: SeenRequest = {
        at,
        method: request.method!,
        path: decodeURIComponent(request.url!),
        range,
        authorization,
      };
      requests.push(seen);
      response.on("error", () => {});
      if (hub.intercept?.(seen, request, response) !== true) answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
  };
  const storage = await listen("storage", (request, response) => {
    const name = new URL(request.url!, "http://storage").pathname.slice(1);
    const contents = [...repositories.values()].flatMap(({ files }) => Object.values(files)).map(toBytes);
    sendBytes(request, response, contents.find((bytes) => sha256(bytes) === name)!);
  });
  const main = await listen("hub", (request, response) => {
    answerHub(repositories, addressOf(storage), new URL(request.url!, addressOf(main)), request, response);
  });
  const hub: TestHub = {
    endpoint: addressOf(main),
    repositories,
    requests,
    downloads: () => requests.filter(({ at }) => at === "storage"),
    intercept: undefined,
    settings: (cache, others = {}) => ({
      cache,
      endpoint: addressOf(main),
      offline: undefined,
      token: undefined,
      questionTimeout: 5000,
      downloadTimeout: 5000,
      ...others,
    }),
    close: async () => {
      for (const server of [main, storage]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;
}

function answerHub(
  repositories: ReadonlyMap<string, TestRepository>,
  storage: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): unknown {
  const path = decodeURIComponent(url.pathname);
  const [, id = "", rest = ""] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
  const repository = repositories.get(id);
  if (repository === undefined) return fail(response, 404, "RepoNotFound", "Repository not found");
  const { commit, files } = repository;
  const headers = { "x-repo-commit": commit };
  const [, kind, revision, file = ""] = /^(revision|tree|resolve)\/([^/]+)(?:\/(.*))?$/.exec(rest) ?? [];
  if (revision !== "main" && revision !== commit) return fail(response, 404, "RevisionNotFound", "Invalid rev id");
  if (kind === "revision")
    return sendJson(response, { _id: "1", id, sha: commit, private: false, lastModified: "2026-01-01" });
  if (kind === "tree") {
    const names = Object.keys(files);
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const next = start + pageFiles < names.length ? new URL(url) : undefined;
    next?.searchParams.set("cursor", String(start + pageFiles));
    // As a mirror passes it on: with the address of the Hub itself.
    const link =
      next === undefined ? {} : { link: `<https://huggingface.co${next.pathname}${next.search}>; rel="next"` };
    return sendJson(
      response,
      names.slice(start, start + pageFiles).map((name) => describe(name, toBytes(files[name]!))),
      link,
    );
  }
  const content = files[file];
  if (content === undefined) return fail(response, 404, "EntryNotFound", "Entry not found");
  const bytes = toBytes(content);
  if (bytes.length < largeFrom) return sendBytes(request, response, bytes, { ...headers, etag: `"${gitHash(bytes)}"` });
  const linked = {
    ...headers,
    "x-linked-etag": `"${sha256(bytes)}"`,
    "x-linked-size": bytes.length,
    etag: '"pointer"',
  };
  return response.writeHead(302, { ...linked, location: `${storage}/${sha256(bytes)}?signature=1` }).end();
}

function describe(name: string, bytes: Uint8Array): object {
  const file = { type: "file", path: name, oid: gitHash(bytes), size: bytes.length };
  if (bytes.length < largeFrom) return file;
  return { ...file, size: bytes.length, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } };
}

/** Follows `Range`. */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Record<string, string | number> = {},
): unknown {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  if (from === undefined) return response.writeHead(200, { ...headers, "content-length": bytes.length }).end(bytes);
  const start = Number(from);
  if (start >= bytes.length) return response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  const end = to ? Math.min(Number(to) + 1, bytes.length) : bytes.length;
  const range = `bytes ${start}-${end - 1}/${bytes.length}`;
  return response
    .writeHead(206, { ...headers, "content-range": range, "content-length": end - start })
    .end(bytes.slice(start, end));
}

/** An error as the Hub gives it. */
export function fail(response: ServerResponse, status: number, code: string | undefined, message: string): void {
  const explained = code === undefined ? {} : { "x-error-code": code };
  response
    .writeHead(status, { ...explained, "content-type": "application/json" })
    .end(JSON.stringify({ error: message }));
}

function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

function toBytes(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** As `git hash-object` computes it. */
export function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Bytes that do not repeat. */
export function randomBytes(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
