import { expect, test } from "vitest";
import { SkeinError } from "../errors.ts";
import { WorkerClient, type WorkerHandle } from "./channel.ts";

type Methods = Record<"work" | "finish", { params: undefined; event: string; result: string }>;

interface Sent {
  readonly id: number;
  readonly method?: string;
  readonly abort?: true;
}

/** A worker that answers, and tells of events, when the test says so. */
function createWorker() {
  const sent: Sent[] = [];
  let listener: (message: unknown) => void = () => {};
  let isTerminated = false;
  const handle: WorkerHandle = {
    post: (message) => void sent.push(message as Sent),
    onMessage: (given) => {
      listener = given;
    },
    onFailure: () => {},
    keepAlive: () => {},
    terminate: () => {
      isTerminated = true;
    },
  };
  const idOf = (method: string) => sent.find((message) => message.method === method)!.id;
  const answer = (method: string) => listener({ id: idOf(method), result: "done" });
  const tell = (method: string) => listener({ id: idOf(method), event: "so far" });
  return { handle, sent, answer, tell, isTerminated: () => isTerminated };
}

test("the last call is waited for; others are aborted and rejected before it is answered, and no more are taken", async () => {
  const { handle, sent, answer, isTerminated } = createWorker();
  const client = new WorkerClient<Methods>(handle);
  const reason = new SkeinError("disposed", "it is over");
  const working = expect(client.call("work", undefined)).rejects.toBe(reason);
  const closing = client.closeAfter("finish", undefined, reason);
  await working; // "finish" has no answer yet
  await expect(client.call("work", undefined)).rejects.toBe(reason);
  expect(sent).toEqual([
    { id: 0, method: "work" },
    { id: 0, abort: true },
    { id: 1, method: "finish" },
  ]);
  expect([client.closed, isTerminated()]).toEqual([true, false]);
  answer("finish");
  await closing;
  expect(isTerminated()).toBe(true);
});

test("a call whose listener throws is aborted, hears no more, and ends when the worker has; one that may be abandoned, at once", async () => {
  const { handle, sent, answer, tell } = createWorker();
  const client = new WorkerClient<Methods>(handle);
  let events = 0;
  const onEvent = (): never => {
    events++;
    throw new Error("mine");
  };
  let isOver = false;
  const working = client.call("work", undefined, { onEvent });
  working.catch(() => {}).finally(() => (isOver = true));
  tell("work");
  tell("work");
  await new Promise((resolve) => setTimeout(resolve));
  expect([events, isOver]).toEqual([1, false]);
  expect(sent.slice(1)).toEqual([{ id: 0, abort: true }]);
  answer("work");
  await expect(working).rejects.toThrow("mine");

  const finishing = client.call("finish", undefined, { onEvent, abandon: true });
  tell("finish");
  await expect(finishing).rejects.toThrow("mine");
});
