import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that the server got. */
export interface Request {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
}

/** What a server does with a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server for tests: with some files, and one request after another of which it keeps a record. */
export interface TestServer {
  /** The address of `/model` on it. */
  readonly url: URL;
  readonly requests: readonly Request[];
  close(): Promise<void>;
}

/** Starts a server with these files; a file's path is the key. */
export async function serve(handlers: Readonly<Record<string, Handler>>): Promise<TestServer> {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    requests.push({ method: request.method!, url: request.url!, range: request.headers.range });
    const handler = handlers[request.url!.split("?")[0]!];
    if (handler === undefined) response.writeHead(404).end("not found");
    else handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model`),
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Follows `Range`, as file servers do. `limit`: the most that one answer carries. */
export function ranged(
  content: Uint8Array,
  options: { readonly limit?: number; readonly hideRange?: boolean; readonly tag?: () => string } = {},
): Handler {
  return (request, response) => {
    if (options.tag !== undefined) response.setHeader("etag", options.tag());
    if (request.method === "HEAD") {
      response.writeHead(200, { "content-length": content.length }).end();
      return;
    }
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const start = Number(match?.[1]);
    if (start >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const end = Math.min(Number(match?.[2]) + 1, content.length, start + (options.limit ?? Infinity));
    if (options.hideRange !== true) response.setHeader("content-range", `bytes ${start}-${end - 1}/${content.length}`);
    response.writeHead(206).end(content.slice(start, end));
  };
}

/** Ignores `Range`. */
export function whole(content: Uint8Array | string, headers: Record<string, string> = {}): Handler {
  return (_, response) => response.writeHead(200, headers).end(content);
}
