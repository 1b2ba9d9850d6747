import { workers } from "#workers";
import { SkeinError } from "../errors.ts";
import type { CheckedSource, SentSource } from "./source.ts";

/** What the worker is told that reads a GGUF file for another one. */
export interface GgufWorkerStart {
  readonly source: GgufSource;
  /** Where it answers. */
  readonly port: MessagePort;
}

/** In a page, where this happens, paths have become URLs. */
export type GgufSource = Exclude<CheckedSource, { readonly kind: "folder" }>;

/**
 * Has a GGUF file read by a worker of its own, where the others do not have its reader: in a page, which would fetch it with every model.
 *
 * @returns what to send to the worker that wants the file; undefined for other sources, and where workers read such files themselves
 */
export function sendGguf(source: CheckedSource): SentSource | undefined {
  if (!workers.spawnGgufWorker || !isGguf(source)) return undefined;
  const worker = workers.spawnGgufWorker();
  const failure = new AbortController();
  worker.onFailure((cause) => {
    const message = `the worker that reads the GGUF file stopped: ${cause.message}`;
    failure.abort(new SkeinError("worker_failed", message, { cause }));
  });
  const { port1, port2 } = new MessageChannel();
  worker.post({ source, port: port1 } satisfies GgufWorkerStart, [port1]);
  return {
    description: { kind: "shared", shared: { port: port2 } },
    transfer: [port2],
    failed: failure.signal,
    stop: () => worker.terminate(),
  };
}

/** By its name: an address cannot be asked what it holds. */
function isGguf(source: CheckedSource): source is GgufSource {
  switch (source.kind) {
    case "folder":
      return false;
    case "url":
      return /\.gguf$/i.test(new URL(source.url).pathname);
    case "files": {
      const names = Object.keys(source.files);
      return !names.includes("config.json") && names.some((name) => /\.gguf$/i.test(name));
    }
  }
}
