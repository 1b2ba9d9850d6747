import { once } from "node:events";
import { cachedDataVersionTag } from "node:v8";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { canWiden, takeBackAfter, wideningFacts } from "./widening-flags.ts";

test.runIf(canWiden())(
  "what a worker had set when it was ended is taken back (needs Node 24.5 or newer on x64)",
  async () => {
    const before = cachedDataVersionTag(); // of V8's version and flags
    const widening = wideningFacts();
    await takeBackAfter(widening); // nothing was set
    const worker = new Worker(new URL("./test-widening-worker.ts", import.meta.url), { workerData: { widening } });
    await once(worker, "message");
    expect(cachedDataVersionTag()).not.toBe(before);
    await worker.terminate();
    expect(cachedDataVersionTag()).not.toBe(before);
    await takeBackAfter(widening);
    expect(cachedDataVersionTag()).toBe(before);
  },
);

test("a worker is given the flags that Node was started with", () => {
  expect(wideningFacts().execArgv).toEqual(process.execArgv);
});
