import { execFile } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { loadModel } from "../src/index.ts";
import { createChatModel } from "./chat-model.ts";
import { someTokens, tiny } from "./tiny.ts";

const run = promisify(execFile);
const library = JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)));
const script = (body: string): string[] => ["--input-type=module", "-e", `import { loadModel } from ${library};\n${body}`];
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
    script(`${load}\nmodel.generate({ prompt: "In the beginning", maxTokens: 30 }).result().then(({ tokens }) => console.log(tokens.length));`),
    { timeout: 30_000 },
  );
  expect(stdout).toBe("30\n");
});

test("the caller's event loop is not blocked: loading, tokenising, reading, saving", async () => {
  const files = await createChatModel(); // with the real tokenizer, which takes a second to build
  await loadModel(tiny).then((model) => model.dispose()); // modules are loaded and compiled
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await using model = await loadModel(tiny, { context: { extend: "yarn" } });
  await using large = await loadModel(files);
  await large.tokenize("Some text that is long enough to take a while. ".repeat(20_000));
  await using session = await model.createSession();
  await session.append(someTokens(900), { logits: "all" });
  await session.save(new WritableStream());
  for await (const _ of model.generate({ tokens: someTokens(50), maxTokens: 50 }));
  delay.disable();
  // 10 ms is the promise; on a machine that is busy the system itself takes the thread away for longer, so the bulk is what counts.
  expect(delay.percentile(99) / 1e6).toBeLessThan(10);
});
