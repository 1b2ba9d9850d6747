import { expect, test } from "vitest";
import { SkeinError } from "../errors.ts";
import { WorkerClient, type WorkerHandle } from "./channel.ts";
import type { EngineMethods } from "./methods.ts";
import type { ModelParts } from "./model-parts.ts";
import { Session } from "./session.ts";

/** A session whose worker answers all but `held`, and that when the test says so. */
function createSession(held: string) {
  const asked = Promise.withResolvers<void>();
  let listener: (message: unknown) => void = () => {};
  let answer: () => void = () => {};
  const handle: WorkerHandle = {
    post: (message) => {
      const { id, method } = message as { readonly id: number; readonly method?: string };
      if (method === undefined) return;
      const reply = () => listener({ id, result: { length: 3, factor: 1 } });
      if (method !== held) return void queueMicrotask(reply);
      answer = reply;
      asked.resolve();
    },
    onMessage: (given) => {
      listener = given;
    },
    onFailure: () => {},
    keepAlive: () => {},
    terminate: () => {},
  };
  const engine = new WorkerClient<EngineMethods>(handle);
  const parts = { engine, abandoned: new FinalizationRegistry(() => {}) } as Partial<ModelParts> as ModelParts;
  const session = new Session(parts, 0, { length: 3, factor: 1 });
  return { session, engine, asked: asked.promise, answer: () => answer() };
}

test("saving that is aborted, or whose session ends, does not wait until the model's weights are told apart", async () => {
  const { session, asked, answer } = createSession("exportSession");
  const controller = new AbortController();
  const reason = new Error("no more");
  const saving = session.save("nowhere", { signal: controller.signal });
  const next = session.truncate(3); // waits for it
  await asked;
  controller.abort(reason);
  await expect(saving).rejects.toBe(reason);
  await next;
  const again = expect(session.save("nowhere")).rejects.toMatchObject({ code: "disposed" });
  await session.dispose();
  await again;
  answer(); // to nobody
}, 5000);

test("however often a session is disposed of, each waits until its memory is freed", async () => {
  const { session, asked, answer } = createSession("release");
  let freed = 0;
  const both = [session.dispose(), session[Symbol.asyncDispose]()].map((end) => end.then(() => freed++));
  await asked;
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(freed).toBe(0);
  answer();
  await Promise.all(both);
  expect(freed).toBe(2);
});

test("a session whose model ends while it is disposed of has been disposed of", async () => {
  const { session, engine, asked } = createSession("release");
  const disposed = session.dispose();
  await asked;
  await engine.closeAfter("finish", undefined, new SkeinError("disposed", "this model was disposed of"));
  await disposed;
  await session.dispose();
});
