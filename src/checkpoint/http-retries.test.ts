import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { CheckpointFiles } from "./files.ts";
import { openUrl } from "./http.ts";

const data = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
const address = new URL("https://example.org/model/");

type Answer = () => Response | Promise<Response>;

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A file whose beginning has been read; then requests are answered like this, one after the other, and those that follow as they should be. */
async function openAnswering(
  answers: readonly Answer[],
  signal?: AbortSignal,
): Promise<{ readonly files: CheckpointFiles; readonly requests: () => number }> {
  const left = [() => partial(0, 2 ** 16), ...answers];
  const fetch = vi.fn(async (_: URL, { headers }: { readonly headers: { readonly range: string } }) => {
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range)!;
    return await (left.shift() ?? (() => partial(Number(start), Number(end) + 1)))();
  });
  vi.stubGlobal("fetch", fetch);
  const files = openUrl(address, signal ? { signal } : {});
  await files.size("data.bin");
  return { files, requests: () => fetch.mock.calls.length - 1 };
}

function partial(start: number, end: number, body: BodyInit = data.slice(start, end)): Response {
  const headers = { "content-range": `bytes ${start}-${end - 1}/${data.length}`, etag: '"1"' };
  return new Response(body, { status: 206, headers });
}

const unreachable: Answer = () => Promise.reject(new TypeError("fetch failed"));
const broken: Answer = () => {
  let pieces = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pieces++ === 0) controller.enqueue(data.slice(100_000, 100_004));
      else controller.error(new TypeError("terminated"));
    },
  });
  return partial(100_000, 100_010, body);
};
const answered = (status: number): Answer => {
  return () => new Response("a page", { status, headers: { etag: '"of the page"' } });
};

test.each<[string, Answer]>([
  ["whose server cannot be reached", unreachable],
  ["whose connection breaks", broken],
  ["that comes too often (429)", answered(429)],
  ["whose server is busy (503)", answered(503)],
])("a range %s is asked for again after a second, and after four more", async (_, answer) => {
  const { files, requests } = await openAnswering([answer, answer]);
  const reading = files.read("data.bin", 100_000, 100_010);
  for (const [wait, made] of [
    [999, 1],
    [1, 2],
    [3999, 2],
    [1, 3],
  ] as const) {
    await vi.advanceTimersByTimeAsync(wait);
    expect(requests()).toBe(made);
  }
  expect(await reading).toEqual(data.slice(100_000, 100_010));
  await files.close();
});

test("what fails three times is an error", async () => {
  const { files, requests } = await openAnswering([unreachable, broken, answered(503)]);
  const refused = expect(files.read("data.bin", 100_000, 100_010)).rejects.toMatchObject({
    name: "CheckpointError",
    code: "network",
    message: expect.stringMatching(/^https:\/\/example.org\/model\/data.bin answered 503/),
  });
  await vi.advanceTimersByTimeAsync(5000);
  await refused;
  expect(requests()).toBe(3);
  await files.close();
});

test.each([401, 403, 404, 416])("an answer %i is not asked for again", async (status) => {
  const { files, requests } = await openAnswering([() => new Response(null, { status })]);
  await expect(files.read("data.bin", 100_000, 100_010)).rejects.toMatchObject({
    code: "network",
    message: expect.stringContaining(`answered ${status}`),
  });
  expect(requests()).toBe(1);
  await files.close();
});

test.each(["an abort", "closing"])("%s ends the wait at once", async (what) => {
  const controller = new AbortController();
  const { files, requests } = await openAnswering([unreachable], controller.signal);
  const reading = files.read("data.bin", 100_000, 100_010).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(500);
  expect(vi.getTimerCount()).toBe(1);
  const reason = new Error("changed my mind");
  if (what === "closing") {
    await files.close();
    expect(await reading).toMatchObject({ code: "closed" });
  } else {
    controller.abort(reason);
    expect(await reading).toBe(reason);
  }
  expect(vi.getTimerCount()).toBe(0);
  expect(requests()).toBe(1);
  await files.close();
});
