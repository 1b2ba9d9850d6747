import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canWiden } from "../src/backend/wasm/node/wide-kernels.ts";
import type { Model, Session } from "../src/index.ts";
import { type FixtureRun, largestDifference, loadFixture, readLogitsFixtures } from "./logits-fixtures.ts";

/*
 * The decoder against the reference implementation: every model, every length. Logits are 12 to 47 large, and the noise of float32 in the
 * reference is up to 6e-5; the tolerance leaves an order of magnitude to that and is far below anything that a wrong angle, scaling or mask does.
 */
const tolerance = 1e-3;

const fixtures = await readLogitsFixtures();

/** What computes: the oracle, and the kernels that the machine has; the plain ones are the same but for a few instructions. */
const backends = [
  { name: "reference", options: { backend: "reference" }, sizes: [1, 7, 64] },
  { name: "wasm", options: { backend: "wasm", weights: "f32" }, sizes: [1, 7, 64] },
  { name: "wasm, plain", options: { backend: "wasm", weights: "f32", kernels: "plain" }, sizes: [13] },
  { name: "wasm, wide", options: { backend: "wasm", weights: "f32", kernels: "wide" }, sizes: [64] },
] as const;

describe.each(
  backends
    .filter(({ name }) => name !== "wasm, wide" || canWiden())
    .flatMap((backend) =>
      fixtures.map((fixture) => ({ ...backend, name: `${backend.name}: ${fixture.name}`, fixture })),
    ),
)("$name", ({ fixture, options, sizes }) => {
  let model: Model;
  beforeAll(async () => {
    model = await loadFixture(fixture, {}, options);
  });
  afterAll(() => model.dispose());

  const planned = ({ length }: FixtureRun): { plannedTokens: number } => ({ plannedTokens: length });

  /** The last `rows` rows of a sequence that was appended in pieces. */
  async function lastRows(
    session: Session,
    tokens: readonly number[],
    pieces: readonly number[],
    rows: number,
  ): Promise<Float32Array> {
    const all: number[] = [];
    let start = 0;
    for (const size of pieces) {
      const { logits } = await session.append(tokens.slice(start, start + size), { logits: "all" });
      all.push(...logits!);
      start += size;
    }
    return Float32Array.from(all.slice(-rows * model.config.vocab_size));
  }

  describe.each([...fixture.runs])("length $length", (run) => {
    test("full forward", async () => {
      await using session = await model.createSession(planned(run));
      const rows = await lastRows(session, run.tokens, [run.length], run.rows);
      expect(largestDifference(rows, run.logits)).toBeLessThan(tolerance);
    });

    test.each([...sizes])("in chunks of %i, bit for bit as at once", async (size) => {
      await using session = await model.createSession(planned(run));
      await using whole = await model.createSession(planned(run));
      const pieces = Array.from({ length: Math.ceil(run.length / size) }, (_, i) =>
        Math.min(size, run.length - i * size),
      );
      const rows = await lastRows(session, run.tokens, pieces, run.rows);
      expect(largestDifference(rows, run.logits)).toBeLessThan(tolerance);
      expect(rows).toEqual(await lastRows(whole, run.tokens, [run.length], run.rows));
    });

    test("prefill, then one token at a time", async () => {
      await using session = await model.createSession(planned(run));
      const steps = Array.from({ length: run.length - run.prefill }, () => 1);
      const rows = await lastRows(session, run.tokens, [run.prefill, ...steps], run.rows);
      expect(largestDifference(rows, run.logits)).toBeLessThan(tolerance);
      // Past the window of dynamic NTK the reference's cache keeps keys of older bases.
      const isStale = fixture.ropeType === "dynamic" && run.length > model.context.nativeWindow;
      if (!isStale) expect(largestDifference(rows, run.logitsCached)).toBeLessThan(tolerance);
    });

    test("greedy decoding", async () => {
      const { tokens, finishReason } = await model
        .generate({ tokens: run.tokens, maxTokens: 8, temperature: 0 })
        .result();
      expect(finishReason).toBe("length");
      expect(tokens).toHaveLength(8);
      const isStale = fixture.ropeType === "dynamic" && run.length + 8 > model.context.nativeWindow;
      if (!isStale) expect(tokens).toEqual(run.greedy);
    });
  });
});

test("every fixture of the reference is here", () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(9);
  expect(fixtures.flatMap(({ runs }) => runs).length).toBeGreaterThanOrEqual(30);
});
