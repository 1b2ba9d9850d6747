import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type LoadOptions,
  loadModel,
  type Model,
  type ModelFiles,
  type Session,
  type SessionOptions,
} from "../src/index.ts";
import { mergedByHand, randomAdapter, readFiles, type TestAdapter } from "./adapter-models.ts";
import { tinyGguf } from "./gguf-models.ts";
import { loadInProcess } from "./in-process-model.ts";
import { largestDifference } from "./logits-fixtures.ts";
import { dequantisedModel, divergence } from "./quantised-models.ts";
import { someTokens, tiny } from "./tiny.ts";

/*
 * Adapters beside the embedded model, against the same adapters merged into it by plain loops. Logits are some 10 large; the tolerance is what users are
 * promised in f32.
 */
const tolerance = 1e-4;
const tokens = someTokens(70);

const adapters = {
  law: randomAdapter(1),
  // What else a configuration may say: ranks and scales of their own, some layers, some modules, the output matrix.
  poems: randomAdapter(
    2,
    {
      r: 4,
      lora_alpha: 8,
      use_rslora: true,
      target_modules: ".*(q|v|down)_proj|lm_head",
      rank_pattern: { "layers.1.self_attn.q_proj": 12, "^model.layers.\\d.mlp.down_proj": 33 },
      alpha_pattern: { lm_head: 4 },
      exclude_modules: ["layers.3.mlp.down_proj"],
    },
    (module) => {
      if (module === "lm_head") return { rank: 4, scale: 4 / Math.sqrt(4) };
      if (module === "model.layers.3.mlp.down_proj" || !/(q|v|down)_proj$/.test(module)) return undefined;
      const rank = module === "model.layers.1.self_attn.q_proj" ? 12 : module.endsWith("down_proj") ? 33 : 4;
      return { rank, scale: 8 / Math.sqrt(rank) };
    },
  ),
  notes: randomAdapter(
    3,
    { target_modules: ["o_proj", "gate_proj"], layers_to_transform: [0, 2], layers_pattern: "layers" },
    (module) => (/layers\.[02]\..*(o|gate)_proj$/.test(module) ? { rank: 8, scale: 2 } : undefined),
  ),
} as const;

type Name = keyof typeof adapters;
const names = Object.keys(adapters) as Name[];
const filesOf = (list: readonly Name[]) => Object.fromEntries(list.map((name) => [name, adapters[name].files]));

/** The logits of all tokens, read in pieces. */
async function allLogits(session: Session, ids: readonly number[], piece = ids.length): Promise<Float32Array> {
  const rows: number[] = [];
  for (let start = 0; start < ids.length; start += piece)
    for (const value of (await session.append(ids.slice(start, start + piece), { logits: "all" })).logits!)
      rows.push(value);
  return Float32Array.from(rows);
}

/** Files on disk cannot be sent to an engine in the same thread. */
async function inMemory(folder: string): Promise<ModelFiles> {
  const files = Object.entries(await readFiles(folder));
  return Object.fromEntries(
    await Promise.all(files.map(async ([name, file]) => [name, new Blob([await file.bytes()])])),
  );
}

async function logitsWith(model: Model, options: SessionOptions = {}, piece?: number): Promise<Float32Array> {
  await using session = await model.createSession(options);
  return await allLogits(session, tokens, piece);
}

const merged = new Map<Name, Float32Array>();
beforeAll(async () => {
  for (const name of names) {
    await using model = await loadModel(await mergedByHand(adapters[name]), { backend: "reference" });
    merged.set(name, await logitsWith(model));
  }
});

describe.each<{ readonly name: string; readonly options: LoadOptions }>([
  { name: "reference", options: { backend: "reference" } },
  { name: "wasm", options: { weights: "f32", threads: 2 } },
  { name: "wasm, in pairs", options: { weights: "f32", threads: 1, kernels: "pairs" } },
  { name: "wasm, plain", options: { weights: "f32", threads: 1, kernels: "plain" } },
])("$name", ({ options }) => {
  let model: Model;
  let plain: Float32Array;
  beforeAll(async () => {
    model = await loadModel(tiny, { ...options, adapters: filesOf(names) });
    await using without = await loadModel(tiny, options);
    plain = await logitsWith(without);
  });
  afterAll(() => model.dispose());

  test.each(names)("%s gives the logits of the merged model, whole, in chunks and token by token", async (adapter) => {
    const whole = await logitsWith(model, { adapter });
    expect(largestDifference(whole, merged.get(adapter)!)).toBeLessThan(tolerance);
    expect(largestDifference(whole, plain)).toBeGreaterThan(1); // it does something
    for (const piece of [1, 7, 32]) expect(await logitsWith(model, { adapter }, piece)).toEqual(whole);
  });

  test("without an adapter the bits are those of a model that has none", async () => {
    expect(await logitsWith(model)).toEqual(plain);
  });

  // The engine is in this thread, or how many share a step would depend on which thread has a processor first.
  test("in steps that all share, each has its own, bit for bit as alone, and none where it has none", async () => {
    const alone = [plain];
    for (const adapter of names) alone.push(await logitsWith(model, { adapter }));
    await using shared = await loadInProcess(await inMemory(tiny), { ...options, adapters: filesOf(names) });
    const kinds = [undefined, ...names];
    const together = await Promise.all(
      [...kinds, ...kinds].map((adapter, i) => logitsWith(shared, { adapter }, [70, 5, 1, 9, 3, 70, 2, 1][i])),
    );
    for (const [i, logits] of together.entries()) expect(logits).toEqual(alone[i % kinds.length]);
    const { steps } = await shared.statistics();
    expect(steps).toBe(70); // they were in the same steps: alone they take 238
  });
});

/*
 * Beside quantised weights adapters stay exact, so that what is lost is what the weights lose without one: the bound is that of quantised models, mean KL
 * divergence a token from the reference with the same, dequantised weights and the same adapter.
 */
describe.each(["q8", "q4"] as const)("beside weights of type %s", (weights) => {
  test("near the reference's, in any chunks, and without an adapter the bits of a model that has none", async () => {
    await using model = await loadModel(tiny, { weights, adapters: filesOf(names) });
    await using without = await loadModel(tiny, { weights });
    const files = await dequantisedModel(await readFiles(tiny), weights);
    await using exact = await loadModel(files, { backend: "reference", adapters: filesOf(names) });
    expect(await logitsWith(model)).toEqual(await logitsWith(without));
    for (const adapter of names) {
      const whole = await logitsWith(model, { adapter });
      expect(await logitsWith(model, { adapter }, 1)).toEqual(whole);
      const expected = await logitsWith(exact, { adapter });
      const measured = divergence(expected, whole, model.config.vocab_size).divergence;
      if (process.env.SHOW) console.log(weights, adapter, measured);
      expect(measured).toBeLessThan(5e-4);
    }
  });
});

test("beside a GGUF file an adapter gives the bits that it gives beside the checkpoint", async () => {
  const gguf = { "tiny.gguf": new Blob([await tinyGguf("BF16")]) };
  await using fromFile = await loadModel(gguf, { adapters: filesOf(["law"]) });
  await using fromFolder = await loadModel(tiny, { adapters: filesOf(["law"]) });
  expect(await logitsWith(fromFile, { adapter: "law" })).toEqual(await logitsWith(fromFolder, { adapter: "law" }));
});

describe("choosing", () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(tiny, { adapters: filesOf(["law", "poems"]) });
  });
  afterAll(() => model.dispose());

  const answer = (adapter?: string) => model.generate({ tokens, maxTokens: 12, temperature: 0, adapter }).result();

  test("a request has the adapter that it names", async () => {
    const [plain, law, poems] = [await answer(), await answer("law"), await answer("poems")];
    expect(law.tokens).not.toEqual(plain.tokens);
    expect(poems.tokens).not.toEqual(law.tokens);
    expect((await Promise.all([answer(), answer("law"), answer("poems")])).map((result) => result.tokens)).toEqual(
      [plain, law, poems].map((result) => result.tokens),
    );
  });

  test("an unknown one is an error that lists those that there are", async () => {
    const message = 'adapter: "lore" is not loaded; loaded are "law", "poems"';
    await expect(answer("lore")).rejects.toMatchObject({ code: "invalid_option", option: "adapter", message });
    await expect(model.createSession({ adapter: "lore" })).rejects.toThrow(message);
    await expect(answer(7 as unknown as string)).rejects.toMatchObject({ option: "adapter" });
    await using none = await loadModel(tiny);
    await expect(none.createSession({ adapter: "law" })).rejects.toThrow('"law" is not loaded; none is');
  });

  test("a session keeps its own, and so do its forks; blocks are shared with those alone", async () => {
    await using session = await model.createSession({ adapter: "law" });
    expect(session.adapter).toBe("law");
    await session.append(tokens);
    const { cacheBlocks } = await model.statistics();
    await using fork = await session.fork();
    expect(fork.adapter).toBe("law");
    expect((await model.statistics()).cacheBlocks).toBe(cacheBlocks);
    const next = (target: Session) => target.generate({ maxTokens: 8, temperature: 0, endTokens: [] }).result();
    const expected = await model
      .generate({ tokens, maxTokens: 8, temperature: 0, endTokens: [], adapter: "law" })
      .result();
    expect((await next(fork)).tokens).toEqual(expected.tokens);
    expect((await next(session)).tokens).toEqual(expected.tokens);
    await expect(session.generate({ maxTokens: 1, adapter: "poems" }).result()).rejects.toThrow(
      /this session has the adapter "law" from its beginning/,
    );
    await session.generate({ maxTokens: 1, adapter: "law" }).result();
    await using other = await model.createSession({ adapter: "poems" });
    await using none = await model.createSession();
    const before = (await model.statistics()).cacheBlocks;
    await other.append(tokens);
    await none.append(tokens);
    expect((await model.statistics()).cacheBlocks).toBe(before + 2 * Math.ceil(tokens.length / 128));
  });

  test("adapters come and go while others are computed", async () => {
    const expected = await answer("law");
    const running = Promise.all([answer("law"), answer("law")]);
    const facts = await model.loadAdapter("notes", adapters.notes.files);
    expect(facts).toMatchObject({ name: "notes", rank: 8, modules: 4 });
    expect([...model.adapters.keys()]).toEqual(["law", "poems", "notes"]);
    expect((await running).map((result) => result.tokens)).toEqual([expected.tokens, expected.tokens]);
    await expect(model.loadAdapter("notes", adapters.notes.files)).rejects.toThrow(/there is one of the name "notes"/);
    const session = await model.createSession({ adapter: "notes" });
    await session.append(tokens);
    await expect(model.unloadAdapter("notes")).rejects.toThrow(/a session or answer uses "notes"/);
    await session.dispose();
    await model.unloadAdapter("notes");
    expect([...model.adapters.keys()]).toEqual(["law", "poems"]);
    await expect(answer("notes")).rejects.toThrow(/not loaded/);
    await expect(model.unloadAdapter("notes")).rejects.toThrow(/not loaded/);
    expect((await answer("law")).tokens).toEqual(expected.tokens);
  });

  test("a saved session goes on with its adapter, whatever that is called, and with no other", async () => {
    const save = async (adapter?: string): Promise<Blob> => {
      await using session = await model.createSession({ adapter });
      await session.append(tokens);
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      await session.save(new WritableStream({ write: (piece) => void pieces.push(piece.slice()) }));
      return new Blob(pieces);
    };
    const saved = await save("law");
    const expected = await answer("law");
    await using renamed = await loadModel(tiny, { adapters: { a: adapters.poems.files, b: adapters.law.files } });
    await using restored = await renamed.restoreSession(saved);
    expect(restored.adapter).toBe("b");
    expect((await restored.generate({ maxTokens: 12, temperature: 0 }).result()).tokens).toEqual(expected.tokens);
    const mismatch = { code: "snapshot_mismatch", message: expect.stringContaining("adapter") };
    await using other = await loadModel(tiny, { adapters: filesOf(["poems"]) });
    await expect(other.restoreSession(saved)).rejects.toMatchObject(mismatch);
    const twice: TestAdapter = randomAdapter(1, { lora_alpha: 32 });
    await using scaled = await loadModel(tiny, { adapters: { law: twice.files } });
    await expect(scaled.restoreSession(saved)).rejects.toMatchObject(mismatch);
    await using plain = await other.restoreSession(await save());
    expect(plain.adapter).toBeUndefined();
  });
});
