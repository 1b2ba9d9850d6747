import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WorkerHandle } from "./channel.ts";
import { TextClient } from "./text-client.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** Workers that load, begin what they are asked, and answer to texts that do not say "never". */
function createClient(): { readonly client: TextClient; readonly workers: { ended: boolean }[] } {
  const workers: { ended: boolean }[] = [];
  const spawnTextWorker = (): WorkerHandle => {
    const worker = { ended: false };
    workers.push(worker);
    let listener: (message: unknown) => void = () => {};
    let isStuck = false;
    return {
      post: (message) => {
        const { id, method, params } = message as Call;
        if (isStuck) return;
        if (method === "load") return void queueMicrotask(() => listener({ id, result: { table: undefined } }));
        if (method !== "encode") return;
        queueMicrotask(() => listener({ id, event: "begun" }));
        isStuck = (params as { text: string }).text.startsWith("never");
        if (!isStuck) queueMicrotask(() => listener({ id, result: Uint32Array.of(workers.length) }));
      },
      onMessage: (receive) => {
        listener = receive;
      },
      onFailure: () => {},
      keepAlive: () => {},
      terminate: () => {
        worker.ended = true;
      },
    };
  };
  const spawnTemplateWorker = (): never => {
    throw new Error("no templates here");
  };
  return {
    client: new TextClient({ spawnTextWorker, spawnTemplateWorker }, { kind: "folder", path: "folder" }),
    workers,
  };
}

test("a tokenizer that never ends is stopped; who waited behind it is answered by the next", async () => {
  const { client, workers } = createClient();
  const culprit = client
    .encode({ text: "never", specialTokens: true, continues: false })
    .catch((error: unknown) => error);
  const waiting = client.encode({ text: "hi", specialTokens: true, continues: false });
  await vi.advanceTimersByTimeAsync(29_000);
  expect(workers).toEqual([{ ended: false }]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await culprit).toMatchObject({ code: "tokenizer_timeout", message: expect.stringMatching(/tokenizer\.json/) });
  expect(await waiting).toEqual(Uint32Array.of(2));
  expect(workers).toEqual([{ ended: true }, { ended: false }]);
});

test("a longer text may take longer", async () => {
  const { client, workers } = createClient();
  const culprit = client
    .encode({ text: "never".padEnd(1_000_000), specialTokens: true, continues: false })
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(109_000);
  expect(workers).toEqual([{ ended: false }]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await culprit).toMatchObject({ code: "tokenizer_timeout" });
});

test("a call that is aborted already leaves no worker's failure to nobody", async () => {
  const spawnTextWorker = (): WorkerHandle => {
    let fail: (error: Error) => void = () => {};
    return {
      post: () => queueMicrotask(() => fail(new Error("no memory"))),
      onMessage: () => {},
      onFailure: (listener) => {
        fail = listener;
      },
      keepAlive: () => {},
      terminate: () => {},
    };
  };
  const spawnTemplateWorker = (): never => {
    throw new Error("no templates here");
  };
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const client = new TextClient({ spawnTextWorker, spawnTemplateWorker }, { kind: "folder", path: "folder" });
  const call = { text: "hi", specialTokens: true, continues: false };
  await expect(client.encode(call, AbortSignal.abort(new Error("no longer")))).rejects.toThrow("no longer");
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
