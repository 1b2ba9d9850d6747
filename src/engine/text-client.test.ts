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

/** Workers that load, and take as many seconds for a text as it says, one after the other; for some they take for ever. */
function createClient(): { readonly client: TextClient; readonly workers: { ended: boolean }[] } {
  const workers: { ended: boolean }[] = [];
  const spawnTextWorker = (): WorkerHandle => {
    const worker = { ended: false };
    workers.push(worker);
    const number = workers.length;
    let listener: (message: unknown) => void = () => {};
    let last = Promise.resolve();
    const answer = async ({ id, method, params }: Call): Promise<void> => {
      if (method === "encode") {
        const { text } = params as { text: string };
        listener({ id, event: "begun" });
        await new Promise<void>((resolve) => {
          if (!text.startsWith("never")) setTimeout(resolve, 1000 * Number.parseFloat(text));
        });
      }
      listener({ id, result: method === "load" ? { table: undefined } : Uint32Array.of(number) });
    };
    return {
      post: (message) => {
        const call = message as Call | { readonly abort: true };
        if (!("abort" in call)) last = last.then(() => answer(call));
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
  const waiting = client.encode({ text: "0", specialTokens: true, continues: false });
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

test("a call that is aborted before it is begun casts no suspicion on the worker, nor do those that it waits behind", async () => {
  const { client, workers } = createClient();
  const encode = (text: string, signal?: AbortSignal) =>
    client.encode({ text, specialTokens: true, continues: false }, signal);
  const waited = Promise.all(Array.from({ length: 7 }, () => encode("1")));
  const controller = new AbortController();
  const reason = new Error("no more");
  const impatient = expect(encode("1", controller.signal)).rejects.toBe(reason);
  await vi.advanceTimersByTimeAsync(10);
  controller.abort(reason);
  await impatient;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(workers).toEqual([{ ended: false }]);
  expect(await waited).toEqual(Array.from({ length: 7 }, () => Uint32Array.of(1)));
});

test.each([
  ["after it was begun", { texts: ["never", "0"], abortedAt: 4000, endedAt: 9000, results: ["no more", 2] }],
  ["before that", { texts: ["3", "never", "0"], abortedAt: 1000, endedAt: 8000, results: [1, "no more", 2] }],
])(
  "a call without end that is aborted %s has 5 seconds from then, or from its beginning; who waits is answered by the next worker",
  async (_when, { texts, abortedAt, endedAt, results }) => {
    const { client, workers } = createClient();
    const controller = new AbortController();
    const others = new AbortController();
    const calls = texts.map((text) => {
      const { signal } = text === "never" ? controller : others;
      return client.encode({ text, specialTokens: true, continues: false }, signal);
    });
    const settled = Promise.allSettled(calls);
    await vi.advanceTimersByTimeAsync(abortedAt);
    controller.abort(new Error("no more"));
    await vi.advanceTimersByTimeAsync(endedAt - 100 - abortedAt);
    expect(workers).toEqual([{ ended: false }]);
    await vi.advanceTimersByTimeAsync(200);
    expect(workers).toEqual([{ ended: true }, { ended: false }]);
    const ends = (await settled).map((end) => (end.status === "fulfilled" ? end.value[0] : end.reason.message));
    expect(ends).toEqual(results);
  },
);

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
