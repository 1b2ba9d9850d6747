import { expect, test, vi } from "vitest";
import { Generation } from "./generation.ts";
import type { GenerateEvent, GenerateSummary } from "./methods.ts";

/** An answer whose pieces come, and whose work ends, when the test says so; it stops a task after it is aborted. */
function create() {
  const { promise, resolve, reject } = Promise.withResolvers<GenerateSummary>();
  const work = { isStarted: false, isStopped: false, tell: (_: GenerateEvent): void => {}, end: resolve };
  const generation = new Generation((signal, onEvent) => {
    work.isStarted = true;
    work.tell = onEvent;
    signal.addEventListener("abort", () =>
      setTimeout(() => {
        work.isStopped = true;
        reject(signal.reason);
      }),
    );
    return promise;
  }, {});
  return { generation, work };
}

const piece = (token: number): GenerateEvent => ({ type: "chunk", text: `${token}`, token, factor: 1 });
const summary = { finishReason: "length", factor: 1, promptTokens: 1 } as GenerateSummary;

test("a stream that is cancelled while it waits for a piece stops the work, and waits until it has stopped", async () => {
  const { generation, work } = create();
  const streams = ReadableStream as unknown as { readonly from: <T>(pieces: AsyncIterable<T>) => ReadableStream<T> };
  const reader = streams.from(generation).getReader();
  const reading = reader.read();
  await new Promise((resolve) => setTimeout(resolve));
  expect(work).toMatchObject({ isStarted: true, isStopped: false });
  await reader.cancel();
  expect(work.isStopped).toBe(true);
  expect(await reading).toEqual({ value: undefined, done: true });
});

test("who waits for a piece of a loop that is left gets its end; another loop the reason", async () => {
  const { generation, work } = create();
  const [left, other] = [generation[Symbol.asyncIterator](), generation[Symbol.asyncIterator]()];
  const waiting = [left.next(), other.next()] as const;
  work.tell(piece(1));
  expect(await Promise.all(waiting)).toEqual([
    { value: expect.objectContaining({ text: "1" }), done: false },
    { value: expect.objectContaining({ text: "1" }), done: false },
  ]);
  const [next, failing] = [left.next(), expect(other.next()).rejects.toMatchObject({ name: "AbortError" })];
  expect(await left.return!()).toEqual({ value: undefined, done: true });
  expect([work.isStopped, await next, await left.next()]).toEqual([
    true,
    { value: undefined, done: true },
    { value: undefined, done: true },
  ]);
  await failing;
  expect(await other.next()).toEqual({ value: undefined, done: true });
});

test("a loop that is left before it began stops nothing, and one that is left at the end keeps the answer", async () => {
  const { generation, work } = create();
  const unused = generation[Symbol.asyncIterator]();
  await unused.return!();
  expect([await unused.next(), work.isStarted]).toEqual([{ value: undefined, done: true }, false]);
  const result = generation.result();
  await generation[Symbol.asyncIterator]().return!();
  const texts: string[] = [];
  const loop = (async () => {
    for await (const { text } of generation) if (texts.push(text) === 2) break;
  })();
  work.tell(piece(1));
  work.tell(piece(2));
  work.end(summary);
  await loop;
  expect(texts).toEqual(["1", "2"]);
  expect(await result).toMatchObject({ text: "12", finishReason: "length" });
  expect((await generation.result()).tokens).toEqual([1, 2]);
});

test("a result that is held while looping ends no process when the work fails, or the loop is left", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const failing = new Generation(() => Promise.reject(new Error("no memory")), {});
  const whole = failing.result();
  await expect(failing[Symbol.asyncIterator]().next()).rejects.toThrow("no memory");
  const results = [];
  for (const isBefore of [true, false]) {
    const { generation, work } = create();
    if (isBefore) results.push(generation.result());
    const loop = generation[Symbol.asyncIterator]();
    const first = loop.next();
    work.tell(piece(1));
    await first;
    if (!isBefore) results.push(generation.result()); // in the loop's body
    await loop.return!();
  }
  await new Promise((resolve) => setTimeout(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  await expect(whole).rejects.toThrow("no memory");
  for (const left of results) await expect(left).rejects.toMatchObject({ name: "AbortError" });
});
