import { openBlobs } from "../src/checkpoint/blobs.ts";
import { type Methods, type OwnerPort, serve, WorkerClient, type WorkerHandle } from "../src/engine/channel.ts";
import type { EngineMethods, LoadCall } from "../src/engine/methods.ts";
import { Model } from "../src/engine/model.ts";
import { EngineHost } from "../src/engine/runtime/engine-host.ts";
import { TextClient } from "../src/engine/text-client.ts";
import type { ModelFiles } from "../src/index.ts";

/** How it is loaded: the plain backend by default. */
interface InProcessOptions extends Omit<LoadCall, "source" | "context" | "adapters"> {
  readonly adapters?: Readonly<Record<string, ModelFiles>>;
}

/**
 * A model whose engine is in this thread: thousands of files are tried with it, and how its steps are shared depends on no other thread. It has no text.
 */
export async function loadInProcess(
  files: ModelFiles,
  { adapters = {}, ...options }: InProcessOptions = { backend: "reference" },
): Promise<Model> {
  const host = new EngineHost(async (source) => {
    if (source.kind !== "files") throw new Error("only files are opened here");
    return openBlobs(source.files);
  });
  const engine = connect<EngineMethods>((port) => serve(port, host.handlers));
  const facts = await engine.call("load", {
    ...options,
    source: { kind: "files", files },
    context: {},
    adapters: Object.entries(adapters).map(([name, files]) => ({
      name,
      source: { kind: "files", files },
      window: undefined,
      factor: undefined,
    })),
  });
  const none = (): never => {
    throw new Error("this model has no text");
  };
  const text = new TextClient({ spawnTextWorker: none, spawnTemplateWorker: none }, { kind: "files", files });
  return new Model(engine, text, facts, () => {});
}

/** Two ends of a channel in one thread; messages are cloned, as they would be. */
function connect<M extends Methods<M>>(start: (port: OwnerPort) => void): WorkerClient<M> {
  const toOwner: ((message: unknown) => void)[] = [];
  const toWorker: ((message: unknown) => void)[] = [];
  const sender =
    (listeners: readonly ((message: unknown) => void)[]) =>
    (message: unknown): void => {
      const clone: unknown = structuredClone(message);
      queueMicrotask(() => {
        for (const listener of listeners) listener(clone);
      });
    };
  const handle: WorkerHandle = {
    post: sender(toWorker),
    onMessage: (listener) => void toOwner.push(listener),
    onFailure: () => {},
    keepAlive: () => {},
    terminate: () => {},
  };
  start({ post: sender(toOwner), onMessage: (listener) => void toWorker.push(listener) });
  return new WorkerClient<M>(handle);
}
