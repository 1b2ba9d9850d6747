import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cachedDataVersionTag } from "node:v8";
import { expect, test, vi } from "vitest";
import { loadModel } from "../src/index.ts";
import { createChatModel } from "./chat-model.ts";
import { someTokens, tiny } from "./tiny.ts";

const run = promisify(execFile);
const library = JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)));
const script = (body: string): string[] => [
  "--input-type=module",
  "-e",
  `import { loadModel } from ${library};\n${body}`,
];
const load = `const model = await loadModel(${JSON.stringify(tiny)});`;

test("an idle model that nobody disposed does not keep the process alive", async () => {
  const { stdout } = await run(
    process.execPath,
    script(`${load}
      const session = await model.createSession();
      await session.append([1, 2, 3]);
      await model.generate({ prompt: "In the beginning", maxTokens: 3 }).result();
      for await (const chunk of model.generate({ prompt: "In", maxTokens: 100 })) break;
      console.log("done");`),
    { timeout: 30_000 },
  );
  expect(stdout).toBe("done\n");
});

test("a model that works keeps the process alive until it is done", async () => {
  const { stdout } = await run(
    process.execPath,
    script(
      `${load}\nmodel.generate({ prompt: "In the beginning", maxTokens: 30 }).result().then(({ tokens }) => console.log(tokens.length));`,
    ),
    { timeout: 30_000 },
  );
  expect(stdout).toBe("30\n");
});

test("Node's own flags are no obstacle", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-test-"));
  const file = join(folder, "run.mts");
  const body = `${load} console.log((await model.generate({ tokens: [1, 2], maxTokens: 2, endTokens: [] }).result()).tokens.length);`;
  await writeFile(file, script(body).at(-1)!);
  const { stdout } = await run(process.execPath, ["--max-old-space-size=4096", "--expose-gc", file]);
  await rm(folder, { recursive: true });
  expect(stdout).toBe("2\n");
});

test.runIf(process.arch === "x64")("a load that is given up leaves V8's flags as they were (needs x64)", async () => {
  const before = cachedDataVersionTag(); // of V8's version and flags
  const load = async (signal?: AbortSignal): Promise<void> => {
    await using _ = await loadModel(tiny, { kernels: "wide", signal });
  };
  await load();
  const began = performance.now();
  await load();
  const whole = performance.now() - began;
  for (let part = 0.3; part < 1; part += 0.05)
    await load(AbortSignal.timeout(Math.round(whole * part))).catch(() => {});
  await vi.waitFor(() => expect(cachedDataVersionTag()).toBe(before), { timeout: 5000 });
});

test("the caller's thread is not held up: loading, tokenising, reading, saving", async () => {
  await loadModel(tiny).then((model) => model.dispose()); // modules are loaded and compiled
  const folder = await mkdtemp(join(tmpdir(), "skein-test-"));
  for (const [name, file] of Object.entries(await createChatModel())) {
    await writeFile(join(folder, name), new Uint8Array(await file.arrayBuffer())); // with the real tokenizer, which takes a second to build
  }
  const turns = await turnsDuring(async () => {
    await using model = await loadModel(tiny, { context: { extend: "yarn" } });
    await using large = await loadModel(folder);
    await large.tokenize("Some text that is long enough to take a while. ".repeat(20_000));
    await using session = await model.createSession();
    await session.append(someTokens(900), { logits: "all" });
    await session.save(join(folder, "session"));
    await using restored = await model.restoreSession(join(folder, "session"));
    expect(restored.length).toBe(900);
    for await (const _ of model.generate({ tokens: someTokens(50), maxTokens: 50 }));
  });
  await rm(folder, { recursive: true });
  // The thread's own processor time, so that a busy machine does not count; a garbage collection may fall into one turn.
  expect(turns.length).toBeGreaterThan(100);
  expect(turns.filter((milliseconds) => milliseconds > 10).length).toBeLessThanOrEqual(1);
});

test("nor by files that are given as Blobs", async () => {
  await loadModel(tiny).then((model) => model.dispose());
  const files = await createChatModel();
  const turns = await turnsDuring(async () => {
    await using model = await loadModel(files);
    expect(model.config.vocab_size).toBe(151936);
  });
  expect(turns.length).toBeGreaterThan(100);
  expect(turns.filter((milliseconds) => milliseconds > 10).length).toBeLessThanOrEqual(1);
});

test("threads that the machine has no use for are not started, and this is said", async () => {
  const warnings: string[] = [];
  await using model = await loadModel(tiny, { threads: 1000, onWarning: ({ message }) => warnings.push(message) });
  const { tokens } = await model.generate({ prompt: "In", maxTokens: 3, temperature: 0 }).result();
  expect(tokens).toHaveLength(3);
  expect(warnings).toEqual([expect.stringMatching(/^threads: 1000 were asked for; \d+ are used/)]);
});

/** @returns the processor time of this thread in each turn of its event loop, in milliseconds */
async function turnsDuring(work: () => Promise<void>): Promise<number[]> {
  const turns: number[] = [];
  let isRunning = true;
  let last = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    turns.push((user + system) / 1000);
    last = process.threadCpuUsage();
    if (isRunning) setTimeout(turn, 1);
  };
  turn();
  await work();
  isRunning = false;
  turn();
  return turns;
}
