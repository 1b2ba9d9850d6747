import { afterEach, expect, test, vi } from "vitest";
import { workers } from "./workers.ts";

afterEach(() => void vi.unstubAllGlobals());

test("a path of the page's server is relative to the page, and keeps its query", () => {
  const page = "https://example.org/app/index.html";
  class PageRequest extends Request {
    constructor(path: string) {
      super(new URL(path, page));
    }
  }
  vi.stubGlobal("Request", PageRequest);
  const { pageAddress } = workers;
  expect(pageAddress?.("models/qwen")).toBe("https://example.org/app/models/qwen");
  expect(pageAddress?.("/models/qwen/")).toBe("https://example.org/models/qwen/");
  expect(pageAddress?.("models/qwen?token=abc")).toBe("https://example.org/app/models/qwen?token=abc");
  expect(pageAddress?.("qwen.gguf?token=abc")).toBe("https://example.org/app/qwen.gguf?token=abc");
});

test("a page that may have no workers of these scripts is told why, and what to do", () => {
  class ForeignWorker {
    constructor() {
      throw new DOMException("Script at 'https://cdn.example/' cannot be accessed", "SecurityError");
    }
  }
  // In a service worker there is none.
  for (const [worker, why] of [
    [ForeignWorker, "cannot be accessed"],
    [undefined, "Worker is not"],
  ] as const) {
    vi.stubGlobal("Worker", worker);
    for (const spawn of [workers.spawnEngineWorker, workers.spawnTextWorker, workers.spawnGgufWorker!])
      expect(spawn).toThrow(
        expect.objectContaining({
          code: "worker_failed",
          message: expect.stringMatching(new RegExp(`${why}.*from the page's own origin`)),
        }),
      );
  }
});
