import { nextTask } from "../backend/next-task.ts";
import { type ModelFiles, openBlobs } from "../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { packError, type RemoteError, unpackError } from "./remote-error.ts";

/**
 * Files that stay with their owner while a worker reads them. Node cannot send a Blob that stands for a file on disk to a worker, and a copy would
 * take the whole model into memory; so the worker asks, piece by piece.
 */
export interface SharedFiles {
  readonly port: MessagePort;
  readonly label: string;
}

/** A read of more than this would hold the owner's thread up. */
const pieceBytes = 2 ** 19;

type Request = { readonly id: number } & (
  | { readonly ask: "size"; readonly name: string }
  | { readonly ask: "read"; readonly name: string; readonly start: number; readonly end: number }
  | { readonly ask: "list" }
);

type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: RemoteError };

/**
 * Serves files to one worker.
 * @returns what to send to the worker (the port is to be transferred), and how to end
 */
export function shareFiles(files: ModelFiles): { readonly shared: SharedFiles; readonly stop: () => void } {
  const opened = openBlobs(files);
  const { port1, port2 } = new MessageChannel();
  listen<Request>(port1, async (data) => {
    await nextTask(); // question and answer would else go on in one turn of the owner's loop
    try {
      const value = await answer(opened, data);
      port1.postMessage({ id: data.id, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
    } catch (error) {
      port1.postMessage({ id: data.id, error: packError(error) });
    }
  });
  return { shared: { port: port2, label: opened.label }, stop: () => port1.close() };
}

/** The worker's side. */
export function openSharedFiles({ port, label }: SharedFiles): CheckpointFiles {
  const waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >();
  let nextId = 0;
  listen<Reply>(port, (data) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) call?.reject(unpackError(data.error));
    else call?.resolve(data.value);
  });
  const ask = <T>(request: object): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      port.postMessage({ ...request, id });
    });
  return {
    label,
    size: (name) => ask({ ask: "size", name }),
    read: async (name, start, end) => {
      const first = await ask<Uint8Array<ArrayBuffer>>({
        ask: "read",
        name,
        start,
        end: Math.min(end, start + pieceBytes),
      });
      if (start + first.length >= end) return first;
      const bytes = new Uint8Array(end - start);
      bytes.set(first);
      for (let at = start + first.length; at < end; at += pieceBytes) {
        bytes.set(
          await ask<Uint8Array>({ ask: "read", name, start: at, end: Math.min(end, at + pieceBytes) }),
          at - start,
        );
      }
      return bytes;
    },
    list: () => ask({ ask: "list" }),
    close: async () => port.close(),
  };
}

/**
 * Hears what comes through a port. Node makes `onmessage` its event from a library that takes tens of milliseconds to load, on the caller's thread; its
 * own way needs none.
 */
function listen<T>(port: MessagePort, listener: (data: T) => void): void {
  const own = port as unknown as { on?: (event: "message", listener: (data: T) => void) => void };
  if (own.on) own.on("message", listener);
  else port.onmessage = ({ data }: MessageEvent<T>) => listener(data);
}

function answer(files: CheckpointFiles, request: Request): Promise<unknown> {
  switch (request.ask) {
    case "size":
      return files.size(request.name);
    case "read":
      return files.read(request.name, request.start, request.end);
    case "list":
      return files.list?.() ?? Promise.resolve([]);
  }
}
