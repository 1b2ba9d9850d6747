import { beforeEach, expect, test, vi } from "vitest";
import { InvalidOptionError, UnsupportedError } from "../errors.ts";
import { clearCachedWeights, listCachedWeights } from "./cached-weights.ts";
import type { WeightCache } from "./weight-cache.ts";

const platform: { weightCache: Partial<WeightCache> | undefined } = vi.hoisted(() => ({ weightCache: undefined }));
vi.mock("#platform", () => ({ platform }));
beforeEach(() => {
  platform.weightCache = undefined;
});

test("where there is no disk, the cache is not supported", async () => {
  await expect(listCachedWeights()).rejects.toThrow(UnsupportedError);
  await expect(clearCachedWeights()).rejects.toThrow(UnsupportedError);
});

test("a source that is none does not clear everything", async () => {
  const clear = vi.fn(async () => ({ files: 1, bytes: 2 }));
  platform.weightCache = { clear };
  for (const source of ["", null, 7]) {
    await expect(clearCachedWeights(source as string)).rejects.toThrow(InvalidOptionError);
  }
  expect(clear).not.toHaveBeenCalled();
  expect(await clearCachedWeights("/models/a")).toEqual({ files: 1, bytes: 2 });
  expect(clear).toHaveBeenCalledWith("/models/a");
});
