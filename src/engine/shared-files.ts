import { nextTask } from "../backend/next-task.ts";
import { type ModelFiles, openBlobs } from "../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { packError, type RemoteError, unpackError } from "./remote-error.ts";
import { answerTensor, askForTensors, type ListedTensor, listTensors, type TensorRequest } from "./shared-tensors.ts";

/**
 * Files that stay where they are while a worker reads them. Node cannot send a Blob that stands for a file on disk to a worker, and a copy would
 * take the whole model into memory; a GGUF file in a page is read by a worker of its own. So the worker asks, piece by piece.
 */
export interface SharedFiles {
  readonly port: MessagePort;
}

/** A read of more than this would hold the owner's thread up. */
const pieceBytes = 2 ** 19;

type Request = { readonly id: number } & (
  | { readonly ask: "describe" }
  | { readonly ask: "size"; readonly name: string }
  | { readonly ask: "read"; readonly name: string; readonly start: number; readonly end: number }
  | { readonly ask: "list" }
  | TensorRequest
);

type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: RemoteError };

interface Description {
  readonly label: string;
  readonly tensors: readonly ListedTensor[] | undefined;
}

/**
 * Serves files to one worker.
 * @returns what to send to the worker (the port is to be transferred), and how to end
 */
export function shareFiles(files: ModelFiles): { readonly shared: SharedFiles; readonly stop: () => void } {
  const { port1, port2 } = new MessageChannel();
  serveFiles(port1, Promise.resolve(openBlobs(files)));
  return { shared: { port: port2 }, stop: () => port1.close() };
}

/** Answers through a port. @param opened - when it is rejected, so is every request */
export function serveFiles(port: MessagePort, opened: Promise<CheckpointFiles>): void {
  opened.catch(() => {}); // told to whoever asks
  listen<Request>(port, async (data) => {
    await nextTask(); // question and answer would else go on in one turn of the owner's loop
    try {
      const value = await answer(await opened, data);
      port.postMessage({ id: data.id, value }, buffersOf(value));
    } catch (error) {
      port.postMessage({ id: data.id, error: packError(error) });
    }
  });
}

/**
 * The worker's side.
 * @throws what opening the files threw on the other side
 */
export async function openSharedFiles({ port }: SharedFiles): Promise<CheckpointFiles> {
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
  const { label, tensors } = await ask<Description>({ ask: "describe" });
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
    ...(tensors && { tensors: askForTensors(tensors, label, ask) }),
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
    case "describe":
      return Promise.resolve({
        label: files.label,
        tensors: files.tensors && listTensors(files.tensors),
      } satisfies Description);
    case "size":
      return files.size(request.name);
    case "read":
      return files.read(request.name, request.start, request.end);
    case "list":
      return files.list?.() ?? Promise.resolve([]);
    default:
      return answerTensor(files.tensors, request);
  }
}

/** What is handed over and not copied; arrays are each alone in their buffer. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const arrays = typeof value === "object" && value !== null ? [value, ...Object.values(value)] : [];
  return arrays.filter((array) => ArrayBuffer.isView(array)).map(({ buffer }) => buffer as ArrayBuffer);
}
