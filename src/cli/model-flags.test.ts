import { expect, test, vi } from "vitest";
import { loadFromFlags } from "./model-flags.ts";

test("a model that cannot be loaded leaves no progress line, which would keep the process alive", async () => {
  const clear = vi.fn();
  await expect(loadFromFlags("/no/such/model", {}, { update: () => {}, clear })).rejects.toThrow("/no/such/model");
  expect(clear).toHaveBeenCalled();
});
