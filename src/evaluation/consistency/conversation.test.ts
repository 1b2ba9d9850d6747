import { expect, test } from "vitest";
import type { Model } from "../../index.ts";
import { resolveMethods } from "../method.ts";
import { planGrowth } from "./conversation.ts";

/** Plans as the engine does, and computes nothing. */
function planningModel(nativeWindow: number, originalWindow: number, steps: readonly number[] | "continuous"): Model {
  const factorFor = (tokens: number): number => {
    if (tokens <= nativeWindow) return 1;
    return steps === "continuous" ? tokens / originalWindow : steps.find((step) => step * originalWindow >= tokens)!;
  };
  const createSession = async ({ plannedTokens }: { readonly plannedTokens: number }) => ({
    factor: factorFor(plannedTokens),
    [Symbol.asyncDispose]: async () => {},
  });
  return { context: { nativeWindow, originalWindow }, createSession } as unknown as Model;
}

const [dynamic, continuous] = resolveMethods(["yarn-dynamic", "yarn-continuous"], [4]);

test("a conversation grows where the windows of the steps end, also where the native window is no multiple of anything", async () => {
  const model = planningModel(40_960, 32_768, [1, 2, 4]); // Qwen3
  expect(await planGrowth(model, dynamic!, 40_961)).toMatchObject({ rises: [40_960], context: { steps: [1, 2] } });
  expect(await planGrowth(model, dynamic!, 131_072)).toMatchObject({
    rises: [40_960, 65_536],
    context: { factor: 4, steps: [1, 2, 4] },
  });
  expect(await planGrowth(model, dynamic!, 40_960)).toMatchObject({ rises: [] });
});

test("a continuous factor grows with each turn, to what the turn needs", async () => {
  const model = planningModel(256, 256, "continuous");
  expect(await planGrowth(model, continuous!, 600)).toMatchObject({
    rises: [256, 384, 512],
    context: { schedule: "dynamic", steps: [1, 1.5, 2, 600 / 256] },
  });
});

test("however long, no more factors than a session may be given", async () => {
  const model = planningModel(256, 256, "continuous");
  const { rises, context } = await planGrowth(model, continuous!, 256 * 1000 + 1);
  expect(context.steps?.length).toBeLessThanOrEqual(64);
  expect(rises.slice(0, 3)).toEqual([256, 512, 1024]);
});
