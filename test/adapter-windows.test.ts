import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel, type Model, type ModelFiles, type SessionOptions, type Warning } from "../src/index.ts";
import { mergedByHand, randomAdapter } from "./adapter-models.ts";
import { largestDifference } from "./logits-fixtures.ts";
import { someTokens, tiny } from "./tiny.ts";

/* Adapters that were tuned at lengths of their own, beside the embedded model, whose native window is 256. */
const stretched = randomAdapter(4); // at 512 tokens, with YaRN of factor 2
const longer = randomAdapter(5); // at 384, with positions as they are
const shorter = randomAdapter(6); // at 128
const tolerance = 1e-4;

const withTuning = (files: ModelFiles, tuning: object): ModelFiles => ({
  ...files,
  "skein.json": new Blob([JSON.stringify(tuning)]),
});

let model: Model;
const warnings: Warning[] = [];
beforeAll(async () => {
  model = await loadModel(tiny, {
    weights: "f32",
    adapters: {
      stretched: { source: stretched.files, window: 512, factor: 2 },
      longer: withTuning(longer.files, { window: 384 }),
      shorter: { source: withTuning(shorter.files, { window: 384, factor: 2 }), window: 128, factor: 1 },
    },
    onWarning: (warning) => warnings.push(warning),
  });
});
afterAll(() => model.dispose());

async function logitsWith(target: Model, options: SessionOptions, length: number): Promise<Float32Array> {
  await using session = await target.createSession(options);
  return (await session.append(someTokens(length), { logits: "all" })).logits!;
}

test("each has its own windows, and what contradicts the base is said", () => {
  const windows = [...model.adapters.values()].map(({ context }) => [context.nativeWindow, context.minimumFactor]);
  expect(windows).toEqual([
    [512, 2],
    [384, 1],
    [128, 1],
  ]);
  expect(model.context).toMatchObject({ nativeWindow: 256, extendedWindow: 256, minimumFactor: 1 });
  expect(warnings.map(({ code }) => code)).toEqual(["adapter_window_without_factor", "adapter_window_shorter"]);
});

describe("against the merged models under the encoding that each was tuned with", () => {
  test.each([40, 300, 500])("factor 2, %i tokens", async (length) => {
    const context = { extend: "yarn", factor: 2, schedule: "static" } as const;
    await using merged = await loadModel(await mergedByHand(stretched), { backend: "reference", context });
    const got = await logitsWith(model, { adapter: "stretched" }, length);
    expect(largestDifference(got, await logitsWith(merged, {}, length))).toBeLessThan(tolerance);
  });

  test("plain positions past the base's window", async () => {
    await using merged = await loadModel(await mergedByHand(longer), {
      backend: "reference",
      context: { nativeWindow: 384 },
    });
    const got = await logitsWith(model, { adapter: "longer" }, 380);
    expect(largestDifference(got, await logitsWith(merged, {}, 380))).toBeLessThan(tolerance);
  });
});

test("side by side in the same steps, each at its own factor, bit for bit as alone", async () => {
  const kinds = [
    [{ adapter: "stretched" }, 450],
    [{ adapter: "stretched" }, 60],
    [{ adapter: "longer" }, 380],
    [{ adapter: "shorter" }, 100],
    [{}, 250],
  ] as const;
  const alone: Float32Array[] = [];
  for (const [options, length] of kinds) alone.push(await logitsWith(model, options, length));
  const sessions = await Promise.all(kinds.map(([options]) => model.createSession(options)));
  const { steps } = await model.statistics();
  const together = await Promise.all(
    sessions.map(async (session, i) => (await session.append(someTokens(kinds[i]![1]), { logits: "all" })).logits!),
  );
  expect(sessions.map(({ factor }) => factor)).toEqual([2, 2, 1, 1, 1]);
  expect((await model.statistics()).steps - steps).toBeGreaterThan(0);
  for (const [i, logits] of together.entries()) expect(logits).toEqual(alone[i]);
  for (const session of sessions) await session.dispose();
});

test("the token past an adapter's window is refused, by the adapter's name", async () => {
  for (const [adapter, window] of [
    ["stretched", 512],
    ["longer", 384],
    ["shorter", 128],
  ] as const) {
    await using session = await model.createSession({ adapter });
    await session.append(someTokens(window));
    await expect(session.append([1])).rejects.toMatchObject({
      code: "context_length_exceeded",
      adapter,
      nativeWindow: window,
      tokensNeeded: window + 1,
      message: expect.stringContaining(`window of the adapter ${adapter} ${window}`),
    });
    await expect(model.generate({ tokens: someTokens(window), maxTokens: 1, adapter }).result()).rejects.toMatchObject({
      tokensAvailable: window,
    });
  }
  await expect(model.createSession({ adapter: "shorter", plannedTokens: 129 })).rejects.toMatchObject({
    adapter: "shorter",
  });
  await expect(model.generate({ tokens: someTokens(256), maxTokens: 1 }).result()).rejects.toMatchObject({
    adapter: undefined,
  });
});

test("where the model may be extended, an adapter's sequences go on from its own window", async () => {
  await using extended = await loadModel(tiny, {
    context: { extend: "yarn", factor: 4 },
    adapters: { stretched: { source: stretched.files, factor: 2 }, shorter: { source: shorter.files, window: 128 } },
    onWarning: () => {},
  });
  const factorsOf = async (adapter: string | undefined, lengths: readonly number[]): Promise<number[]> => {
    const factors: number[] = [];
    for (const length of lengths) {
      await using session = await extended.createSession({ adapter });
      await session.append(someTokens(length));
      factors.push(session.factor);
    }
    return factors;
  };
  expect(await factorsOf("stretched", [10, 512, 513])).toEqual([2, 2, 4]);
  expect(await factorsOf("shorter", [10, 129, 257])).toEqual([1, 2, 4]);
  expect(await factorsOf(undefined, [10, 257, 513])).toEqual([1, 2, 4]);
  // A session that grows past the adapter's window is that of the larger factor, exactly.
  await using growing = await extended.createSession({ adapter: "stretched" });
  await growing.append(someTokens(500));
  await growing.append(someTokens(600).slice(500, 520));
  expect(growing.factor).toBe(4);
  await using fresh = await extended.createSession({ adapter: "stretched" });
  await fresh.append(someTokens(600).slice(0, 520));
  const next = async (session: typeof fresh) => (await session.append([7], { logits: "last" })).logits;
  expect(await next(growing)).toEqual(await next(fresh));
});

test("a saved session goes on with the windows that its adapter had, where one has the same matrices and others", async () => {
  const { files } = stretched;
  const adapters = {
    plain: files,
    long: { source: files, window: 512, factor: 2 },
    short: { source: files, window: 64 },
  };
  await using several = await loadModel(tiny, { adapters, onWarning: () => {} });
  for (const adapter of ["short", "long", "plain"]) {
    await using session = await several.createSession({ adapter });
    await session.append(someTokens(50));
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    await session.save(new WritableStream({ write: (piece) => void pieces.push(piece.slice()) }));
    await using restored = await several.restoreSession(new Blob(pieces));
    expect(restored.adapter).toBe(adapter);
    expect(restored.factor).toBe(session.factor);
  }
});

test("a window that memory was not set up for is warned about where an adapter comes later, and not where it came with the model", async () => {
  const adapter = { source: randomAdapter(9).files, window: 16_000_000 };
  const told: Warning[] = [];
  const onWarning = (warning: Warning): void => void told.push(warning);
  const code = "adapter_window_without_room";
  await using later = await loadModel(tiny, { onWarning });
  await later.loadAdapter("short", { ...adapter, window: 100_000 });
  expect(told.filter((warning) => warning.code === code)).toEqual([]);
  await later.loadAdapter("law", adapter);
  expect(told.filter((warning) => warning.code === code)).toEqual([
    { code, message: expect.stringMatching(/law: .* 16000000 .* name it when the model is loaded$/) },
  ]);
  await using early = await loadModel(tiny, { onWarning: () => {}, adapters: { law: adapter } });
  expect(early.warnings.map((warning) => warning.code)).toEqual(["adapter_window_without_factor"]);
  await using reference = await loadModel(tiny, { backend: "reference", onWarning });
  await reference.loadAdapter("law", adapter);
  expect(told.filter((warning) => warning.code === code)).toHaveLength(1);
});

test("an adapter whose warning the listener throws at is not loaded", async () => {
  const onWarning = (): never => {
    throw new Error("mine");
  };
  await using strict = await loadModel(tiny, { onWarning });
  const longer = withTuning(stretched.files, { window: 384 });
  await expect(strict.loadAdapter("longer", longer)).rejects.toThrow("mine");
  expect(strict.adapters.size).toBe(0);
  await expect(strict.generate({ prompt: "x", adapter: "longer" }).result()).rejects.toThrow(/"longer" is not loaded/);
});

test.each<[object, RegExp]>([
  [{ window: 0 }, /^skein\.json: window: must be a whole number/],
  [{ factor: 0.5 }, /^skein\.json: factor: must be a number/],
  [{ factor: "2" }, /^skein\.json: factor/],
  [{ windows: 5 }, /^skein\.json: "windows": is not known/],
  [[], /^skein\.json: must be a JSON object/],
])("skein.json %j is refused", async (tuning, message) => {
  await expect(model.loadAdapter("x", withTuning(stretched.files, tuning))).rejects.toThrow(message);
});

test.each<[object, RegExp]>([
  [{ window: 1.5 }, /^adapters\.x\.window: must be a whole number/],
  [{ factor: 0 }, /^adapters\.x\.factor: must be a number/],
  [{ factor: Number.NaN }, /^adapters\.x\.factor/],
])("options %j are refused", async (options, message) => {
  await expect(model.loadAdapter("x", { source: stretched.files, ...options })).rejects.toThrow(message);
});
