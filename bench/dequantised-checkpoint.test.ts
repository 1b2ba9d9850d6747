import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadModel } from "../src/index.ts";
import { logitsOf } from "../test/quantised-models.ts";
import { dequantiseCheckpoint } from "./dequantised-checkpoint.ts";
import { randomTokens } from "./random-tokens.ts";
import { shapes } from "./shapes.ts";
import { synthesizeCheckpoint } from "./synthetic-checkpoint.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.for([undefined, 0.05])(
  "4-bit weights are the same of the rounded numbers as of the numbers (range %s)",
  async (range) => {
    const random = await synthesizeCheckpoint(shapes.tiny, {
      folder,
      ...(range === undefined ? {} : { initializerRange: range }),
    });
    const rounded = await dequantiseCheckpoint(random);
    const [of, ofRounded, exact] = await Promise.all([
      compute(random, "q4"),
      compute(rounded, "q4"),
      compute(random, "f32"),
    ]);
    expect(ofRounded).toEqual(of);
    expect(exact).not.toEqual(of);
  },
);

async function compute(checkpoint: string, weights: "q4" | "f32"): Promise<Float32Array> {
  await using model = await loadModel(checkpoint, { weights, onWarning: () => {} });
  return await logitsOf(model, randomTokens(20, shapes.tiny.vocab_size));
}
