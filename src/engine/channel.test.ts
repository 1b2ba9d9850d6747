import { expect, test } from "vitest";
import { SkeinError } from "../errors.ts";
import { WorkerClient, type WorkerHandle } from "./channel.ts";

type Methods = Record<"work" | "finish", { params: undefined; event: never; result: string }>;

interface Sent {
  readonly id: number;
  readonly method?: string;
  readonly abort?: true;
}

/** A worker that answers when the test says so. */
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
  const answer = (method: string) =>
    listener({ id: sent.find((message) => message.method === method)!.id, result: "done" });
  return { handle, sent, answer, isTerminated: () => isTerminated };
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
