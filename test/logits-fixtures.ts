import { openAsBlob } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { readHeader } from "../src/checkpoint/safetensors.ts";
import { type ContextOptions, type LoadOptions, loadModel, type Model, type ModelFiles } from "../src/index.ts";

const folder = fileURLToPath(new URL("../fixtures/logits", import.meta.url));

/** One length of one model, as the reference computed it. */
export interface FixtureRun {
  readonly length: number;
  readonly tokens: number[];
  /** Rows of logits, the last ones of the run, [rows, vocabulary]. */
  readonly rows: number;
  readonly logits: Float32Array;
  readonly logitsCached: Float32Array;
  readonly prefill: number;
  readonly greedy: number[];
}

export interface LogitsFixture {
  readonly name: string;
  readonly ropeType: string;
  readonly files: ModelFiles;
  readonly runs: readonly FixtureRun[];
}

interface Expected {
  readonly weights: string;
  readonly rope_type: string;
  readonly runs: readonly {
    readonly length: number;
    readonly prefill: number;
    readonly rows: number;
    readonly greedy: number[];
  }[];
}

export async function readLogitsFixtures(): Promise<LogitsFixture[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(readFixture));
}

export function loadFixture(
  fixture: LogitsFixture,
  context: ContextOptions = {},
  options: LoadOptions = {},
): Promise<Model> {
  return loadModel(fixture.files, {
    onWarning: () => {},
    ...options,
    context: { allowBeyondWindow: true, schedule: "static", ...context },
  });
}

async function readFixture(name: string): Promise<LogitsFixture> {
  const expected = JSON.parse(await readFile(`${folder}/${name}/expected.json`, "utf8")) as Expected;
  const files = {
    "config.json": await openAsBlob(`${folder}/${name}/config.json`),
    "model.safetensors": await openAsBlob(`${folder}/${expected.weights}/model.safetensors`),
  };
  const tensors = await readTensors(`${folder}/${name}`);
  const runs = expected.runs.map((run) => ({
    ...run,
    tokens: [...new BigInt64Array(tensors(`input_ids.${run.length}`))].map(Number),
    logits: new Float32Array(tensors(`logits.${run.length}`)),
    logitsCached: new Float32Array(tensors(`logits_cached.${run.length}`)),
  }));
  return { name, ropeType: expected.rope_type, files, runs };
}

async function readTensors(path: string): Promise<(name: string) => ArrayBuffer> {
  const files = await openDirectory(path);
  const entries = await readHeader(files, "expected.safetensors");
  await files.close();
  const bytes = await readFile(`${path}/expected.safetensors`);
  return (name) => {
    const entry = entries.find((candidate) => candidate.name === name);
    if (!entry) throw new Error(`${path}: there is no tensor ${name}`);
    return Uint8Array.from(bytes.subarray(entry.start, entry.end)).buffer;
  };
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers beside ${b.length}`);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
