import { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import { SkeinError } from "../../../errors.ts";
import type { ThreadStart } from "../thread-start.ts";
import { openThread } from "./threads.ts";

test("a thread that fails before it is started, while its script is loaded, is an error of its start", async () => {
  const unref = vi.spyOn(Worker.prototype, "unref");
  const begin = await openThread();
  const worker = unref.mock.contexts[0] as Worker;
  unref.mockRestore();
  worker.emit("error", new Error("no room"));
  const error: unknown = await begin({} as ThreadStart).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SkeinError);
  expect((error as SkeinError).code).toBe("worker_failed");
  expect((error as SkeinError).message).toContain("a thread did not start: no room");
  await worker.terminate();
});

test("a thread that cannot start is an error, not a wait without end", async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const start: ThreadStart = {
    module: { ...memory } as WebAssembly.Module, // not a module
    memories: [memory],
    controlMemory: memory,
    threads: 2,
    index: 1,
  };
  const error: unknown = await (await openThread())(start).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SkeinError);
  expect((error as SkeinError).code).toBe("worker_failed");
  expect((error as SkeinError).message).toContain("a thread did not start: WebAssembly.Instance()");
});
