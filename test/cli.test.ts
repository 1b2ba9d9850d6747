import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from "node:child_process";
import { cp, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ranged, serve } from "../src/checkpoint/node/test-server.ts";
import { makeSurrounding } from "../src/evaluation/node/test-target.ts";
import { createChatModel } from "./chat-model.ts";
import { tiny } from "./tiny.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args], { env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined } });
}

async function finish(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

function skein(args: readonly string[], input = ""): Promise<Outcome> {
  const child = start(args);
  child.stdin.on("error", () => {}).end(input);
  return finish(child);
}

let folder: string;
let chatModel: string;
let haystack: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-cli-"));
  chatModel = await mkdtemp(join(tmpdir(), "skein-cli-chat-"));
  for (const [name, file] of Object.entries(await createChatModel()))
    await writeFile(join(chatModel, name), new Uint8Array(await file.arrayBuffer()));
  haystack = (await readFile(join(tiny, "haystack.txt"), "utf8")).slice(0, 3000);
});
afterAll(() => Promise.all([folder, chatModel].map((path) => rm(path, { recursive: true }))));

const jsonLines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("demo", () => {
  test("finds the key with YaRN and not without; dynamic costs nothing in the window, static does", async () => {
    const { code, stdout, stderr } = await skein(["demo", "--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    const { nativeWindow, documentTokens, rows } = JSON.parse(stdout);
    expect([nativeWindow, documentTokens]).toEqual([256, 1024]);
    const [none, fixed, dynamic] = rows;
    expect(rows.map(({ method }: { method: string }) => method)).toEqual(["none", "yarn-static", "yarn-dynamic"]);
    expect([none.correct, fixed.correct, dynamic.correct]).toEqual([false, true, true]);
    expect([none.factor, fixed.factor, dynamic.factor]).toEqual([1, 4, 4]);
    expect(dynamic.answer).toBe(dynamic.expected);
    expect(dynamic.inWindowPerplexity).toBe(none.inWindowPerplexity);
    expect(fixed.inWindowPerplexity).toBeGreaterThan(none.inWindowPerplexity * 1.02);
  });

  test("shows it to people, and the error that they meet without opting in", async () => {
    const { code, stdout } = await skein(["demo", "--seed", "3"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/dynamic YaRN +\d{5} +right +4 +\d+\.\d+/);
    expect(stdout).toContain(
      "1024 tokens are needed and 256 fit (native window 256). To extend the window: --yarn --factor 4.",
    );
    expect(stdout).not.toContain("\u001b");
  });

  test("counts over seeds", async () => {
    const { code, stdout } = await skein(["demo", "--seeds", "3", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      seeds: 3,
      rows: [{ method: "none" }, { method: "yarn-static" }, { method: "yarn-dynamic", correct: 3, share: 1 }],
    });
  });
});

describe("generate", () => {
  test("streams the answer to stdout and everything else to stderr", async () => {
    const args = ["generate", tiny, "--prompt", "In the beginning", "--max-tokens", "8", "--temperature", "0"];
    const plain = await skein(args);
    expect(plain.code).toBe(0);
    expect(plain.stderr).toMatch(/7 tokens read at .* 8 generated at .* factor 1, ended by length\n$/);
    const json = jsonLines((await skein([...args, "--json"])).stdout);
    expect(json.at(-1)).toMatchObject({
      type: "result",
      factor: 1,
      finishReason: "length",
      usage: { promptTokens: 7, completionTokens: 8 },
    });
    expect(json.slice(0, -1).every(({ type }) => type === "chunk")).toBe(true);
    expect(plain.stdout).toBe(`${json.at(-1).text}\n`);
  });

  test("guesses what an answer quotes, when asked to, and gives the same answer", async () => {
    const args = ["generate", tiny, "--prompt", haystack.slice(0, 300), "--max-tokens", "40", "--temperature", "0"];
    const [plain, looked, few, refused] = await Promise.all([
      skein(args),
      skein([...args, "--prompt-lookup"]),
      skein([...args, "--json", "--prompt-lookup", "3"]),
      skein([...args, "--prompt-lookup", "40"]),
    ]);
    expect(looked.stdout).toBe(plain.stdout);
    expect(looked.stderr).toMatch(/ 40 generated \(\d+ of \d+ guesses accepted\) at /);
    expect(plain.stderr).not.toContain("guesses");
    const { text, usage } = jsonLines(few.stdout).at(-1);
    expect(`${text}\n`).toBe(plain.stdout);
    expect(usage.guessedTokens).toBeGreaterThanOrEqual(usage.acceptedTokens);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/^skein: --prompt-lookup: .*from 1 to 32/),
    ]);
  });

  test("reads a file or standard input; past the window it says which flag helps, and the flag helps", async () => {
    await writeFile(join(folder, "text.txt"), haystack);
    const args = ["generate", tiny, "--max-tokens", "3"];
    const refused = await skein([...args, "--file", join(folder, "text.txt")]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /^skein: \d+ tokens are needed and 256 fit \(native window 256\)\. To extend the window: --yarn --factor 4\.\n$/,
    );
    const [fromFile, fromInput] = await Promise.all([
      skein([...args, "--file", join(folder, "text.txt"), "--yarn", "--factor", "4"]),
      skein([...args, "--yarn"], haystack),
    ]);
    expect(fromFile).toMatchObject({ code: 0, stderr: expect.stringContaining("factor 4") });
    expect(fromInput.stdout).toBe(fromFile.stdout);
  });

  test("saves a session and goes on from it", async () => {
    const path = join(folder, "saved");
    const read = await skein(["generate", tiny, "--yarn", "--max-tokens", "0", "--save", path], haystack);
    expect(read).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("saved") });
    const resumed = await skein([
      "generate",
      tiny,
      "--yarn",
      "--resume",
      path,
      "--prompt",
      "\nAnd",
      "--max-tokens",
      "5",
      "--temperature",
      "0",
    ]);
    expect(resumed.stderr).toMatch(/\d{3} of them cached/);
    const whole = await skein(
      ["generate", tiny, "--yarn", "--max-tokens", "5", "--temperature", "0"],
      `${haystack}\nAnd`,
    );
    expect(resumed.stdout).toBe(whole.stdout);
    expect(await skein(["generate", tiny, "--resume", path])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot be continued here"),
    });
  });

  test("what is read into a saved session goes on from it: the token that a text begins with is there once", async () => {
    const [model, path] = [join(folder, "beginning"), join(folder, "beginning.skein")];
    await makeSurrounding(model, ["before"]);
    const read = async (...args: string[]): Promise<number> => {
      const { code, stdout } = await skein(["generate", model, ...args, "--max-tokens", "0", "--json"]);
      expect(code).toBe(0);
      return JSON.parse(stdout).usage.promptTokens;
    };
    const other = await read("--prompt", " beginning", "--save", join(folder, "other.skein"));
    const first = await read("--prompt", "In the", "--save", path);
    expect(await read("--resume", path, "--save", path)).toBe(first);
    expect(await read("--resume", path, "--prompt", " beginning", "--save", path)).toBe(first + other - 1);
  });

  test("what is saved replaces no file that is something else, and is not what was there before", async () => {
    const [mine, path, other] = ["mine.txt", "kept.skein", "other.skein"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(mine, "mine");
    await writeFile(other, "");
    const read = ["generate", tiny, "--prompt", "In the", "--max-tokens", "0", "--save"];
    const refused = await skein([...read, mine]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toBe(
      `skein: --save ${mine}: is there already, and is no saved session; name another file\n`,
    );
    for (let again = 0; again < 2; again++) expect((await skein([...read, path])).code).toBe(0);
    const chat = await skein(["chat", chatModel], `/save ${mine}\n/save ${path}\n/exit\n`);
    expect(chat.stderr).toMatch(/\/save .*mine\.txt: is there already, and is no saved session.*\nsaved 0 tokens to /);
    expect(await readFile(mine, "utf8")).toBe("mine");
    await skein([...read, path]);
    const tooLong = ["--resume", path, "--prompt", haystack, "--max-tokens", "5", "--save", other];
    const { code, stderr } = await skein(["generate", tiny, ...tooLong]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^skein: \d+ tokens are needed and 256 fit/)]);
    expect((await stat(other)).size).toBe(0);
  });

  test("applies the chat template where asked", async () => {
    const { code, stdout } = await skein([
      "generate",
      chatModel,
      "--chat",
      "--system",
      "Be brief.",
      "--prompt",
      "Hi",
      "--max-tokens",
      "2",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1).usage.promptTokens).toBeGreaterThan(12);
  });

  test("what is read and not answered has its result, too", async () => {
    const args = ["--prompt", "In the beginning", "--max-tokens", "0", "--save", join(folder, "read"), "--json"];
    const { code, stdout } = await skein(["generate", tiny, ...args]);
    const usage = { promptTokens: 7, cachedTokens: 0, completionTokens: 0, totalTokens: 7 };
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toMatchObject([{ type: "result", text: "", factor: 1, finishReason: "length", usage }]);
  });

  test("a closed pipe is quiet", async () => {
    const child = start(["generate", tiny, "--prompt", "In the", "--max-tokens", "200", "--temperature", "1"]);
    child.stdin.end();
    child.stdout.once("data", () => child.stdout.destroy());
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("an open answer that ends at the window is saved, also when nobody reads it", async () => {
    const path = join(folder, "open");
    const args = ["generate", tiny, "--prompt", "In the", "--temperature", "0", "--save", path];
    const open = await skein(args);
    expect(open.code).toBe(1);
    expect(open.stderr).toMatch(/^\S* ?saved 256 tokens to .*\nskein: 257 tokens are needed and 256 fit/);
    await rm(path);
    const child = start([...args, "--max-tokens", "60"]);
    child.stdin.end();
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("Ctrl-C and SIGTERM are heard while the input is awaited", async () => {
    for (const [signal, expected] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const child = start(["generate", tiny, "--max-tokens", "2"]); // its input stays open
      child.stdin.write("a ".repeat(500_000), () => child.kill(signal)); // it reads: more than a pipe holds was taken
      expect(await finish(child)).toEqual({ code: expected, stdout: "", stderr: "interrupted\n" });
    }
  });

  test.each([[1], [2]])(
    "with --json what takes no notice of Ctrl-C has its object when it is ended: %s times",
    async (times) => {
      const deaf = ["--import", "data:text/javascript,process.stdin.destroy=()=>process.stdin"]; // goes on reading
      const child = spawn(process.execPath, [...deaf, main, "generate", tiny, "--max-tokens", "2", "--json"]);
      child.stdin
        .on("error", () => {})
        .write("a ".repeat(500_000), async () => {
          for (let i = 0; i < times; i++) {
            child.kill("SIGINT");
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        });
      const { code, stdout } = await finish(child);
      expect([code, jsonLines(stdout)]).toEqual([
        130,
        [{ type: "error", code: "interrupted", message: "interrupted" }],
      ]);
    },
  );

  test.runIf(process.platform !== "win32")("a hangup of nobody's terminal, as under nohup, ends nothing", async () => {
    const child = start(["generate", tiny, "--prompt", "In the", "--max-tokens", "200", "--temperature", "0"]);
    child.stdin.end();
    child.stdout.once("data", () => child.kill("SIGHUP"));
    expect(await finish(child)).toMatchObject({ code: 0, stderr: expect.stringContaining(" generated at ") });
  });

  test.runIf(process.platform !== "win32").each([
    ["--file", ["generate", tiny]],
    ["--from", ["evaluate"]],
  ])("SIGTERM is heard while nobody writes to a named pipe: %s", async (flag, command) => {
    const pipe = join(folder, `pipe${flag}`);
    await promisify(execFile)("mkfifo", [pipe]);
    const child = start([...command, flag, pipe]);
    const outcome = finish(child);
    // Before its handler is there, the system ends it.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    child.kill("SIGTERM");
    expect(await outcome).toEqual({ code: 143, stdout: "", stderr: "interrupted\n" });
  });

  test("escape sequences of files do not reach the terminal", async () => {
    const hostile = await mkdtemp(join(tmpdir(), "skein-hostile-"));
    await writeFile(join(hostile, "config.json"), "\u001b]0;title\u0007 no JSON \u202e");
    const { code, stderr } = await skein(["generate", hostile, "--prompt", "x"]);
    await rm(hostile, { recursive: true });
    expect(code).toBe(1);
    for (const character of ["\u001b", "\u0007", "\u202e"]) expect(stderr).not.toContain(character);
  });

  test("Ctrl-C exits 130 and leaves no half-written file", async () => {
    const child = start([
      "generate",
      tiny,
      "--yarn",
      "--save",
      join(folder, "interrupted"),
      "--max-tokens",
      "900",
      "--prompt",
      "In the",
    ]);
    child.stdout.once("data", () => child.kill("SIGINT"));
    const { code, stderr } = await finish(child);
    expect([code, stderr]).toEqual([130, "interrupted\n"]);
    expect((await readdir(folder)).filter((name) => name.includes("interrupted"))).toEqual([]);
  });
});

describe("quantize", () => {
  test("writes a file and says what became of what; to programs too", async () => {
    const [path, other] = [join(folder, "tiny.gguf"), join(folder, "tiny-q8.gguf")];
    const plain = await skein(["quantize", tiny, path, "--type", "q4_0"]);
    expect([plain.code, plain.stderr]).toEqual([0, ""]);
    expect(plain.stdout).toMatch(/tiny.gguf: 1.754 MiB became 606.1 KiB in .* s; tensors: 1 Q8_0, 21 F32, 28 Q4_0\n$/);
    const json = JSON.parse((await skein(["quantize", tiny, other, "--type", "q8_0", "--json"])).stdout);
    expect(json).toEqual({
      path: other,
      bytes: (await stat(other)).size,
      sourceBytes: 1839360,
      tensors: { F32: 21, Q8_0: 29 },
      seconds: expect.any(Number),
    });
    const answer = await skein(["generate", path, "--prompt", "In the beginning", "--max-tokens", "4"]);
    expect(answer.code).toBe(0);
  });

  test("speaks of flags: a file that is there, tensors that are quantised, a type that is missing", async () => {
    const path = join(folder, "there.gguf");
    await skein(["quantize", tiny, path, "--type", "q8_0"]);
    const [there, again, missing] = await Promise.all([
      skein(["quantize", tiny, path, "--type", "f16"]),
      skein(["quantize", path, join(folder, "again.gguf"), "--type", "q4_0"]),
      skein(["quantize", tiny, join(folder, "none.gguf")]),
    ]);
    expect([there, again, missing].map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(there.stderr).toMatch(/is there already; add --force to replace the file\n$/);
    expect(again.stderr).toMatch(/is Q8_0 already.*add --allow-requantize\n$/);
    expect(missing.stderr).toContain("--type");
    expect((await skein(["quantize", tiny, path, "--type", "f16", "--force"])).code).toBe(0);
    expect((await skein(["quantize", path, join(folder, "again.gguf"), "--type", "q4_0"])).code).toBe(0);
  });
});

describe("chat", () => {
  test("keeps the conversation's cache, and shows growth", async () => {
    const input = `${"word ".repeat(150)}\n${"more ".repeat(120)}\n`;
    const { code, stdout, stderr } = await skein(
      ["chat", chatModel, "--yarn", "--max-tokens", "6", "--temperature", "0", "--json"],
      input,
    );
    expect(code).toBe(0);
    const [first, second] = jsonLines(stdout);
    expect([first.factor, second.factor]).toEqual([1, 2]);
    expect(first).toMatchObject({ role: "assistant", usage: { completionTokens: 6 } });
    expect(stderr).toContain("the window grew from factor 1 to 2; the conversation was read again");
  });

  test("has commands, and a gauge of the window", async () => {
    const [session, spaced] = [join(folder, "chat"), join(folder, "a  chat")];
    const input = `/help\nhello\n/window\n/save ${session}\n/save  ${spaced} \n/reset\n/window\n/nope\n/exit\nnever read\n`;
    const { code, stdout, stderr } = await skein(
      ["chat", chatModel, "--yarn", "--max-tokens", "3", "--temperature", "0"],
      input,
    );
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain("/save FILE");
    expect(stderr).toMatch(/\[█+░*\|░+\] \d+ tokens · native 256 · extended 1024 · factor 1/);
    expect(stderr).toMatch(/ 0 tokens · native 256/);
    expect(stderr).toContain("/nope is not known");
    for (const path of [session, spaced]) expect((await stat(path)).size).toBeGreaterThan(1000);
  });
});

test("a chat whose answers go to a file goes on after Ctrl-C for who types it", async () => {
  const typed = ["--import", "data:text/javascript,process.stdin.isTTY=true"];
  const child = spawn(process.execPath, [...typed, main, "chat", chatModel, "--yarn", "--max-tokens", "400"]);
  child.stdin.on("error", () => {}).end("hello\n/window\n");
  child.stdout.once("data", () => child.kill("SIGINT"));
  const { code, stderr } = await finish(child);
  expect(code).toBe(0);
  expect(stderr).toMatch(/stopped; the conversation is as it was before this message.* 0 tokens · native 256/s);
});

describe("a program's chat", () => {
  const chat = (...more: string[]) => ["chat", chatModel, "--temperature", "0", ...more];

  test("has no commands: each line is a message, and has its object", async () => {
    const path = join(folder, "never-saved");
    const input = `/save ${path}\n/reset\n/nope\n/exit\n`;
    const { code, stdout } = await skein(chat("--max-tokens", "2", "--json"), input);
    expect([code, jsonLines(stdout).length]).toEqual([0, 4]);
    const prompts = jsonLines(stdout).map(({ usage }) => usage.promptTokens);
    expect(prompts).toEqual(prompts.toSorted((a, b) => a - b)); // nothing was forgotten
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  test("ends when an answer fails, also where its input stays open", async () => {
    const child = start(chat("--max-tokens", "2", "--json"));
    child.stdin.write(`${"word ".repeat(400)}\n`);
    const { code, stdout } = await finish(child);
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { code: "context_length_exceeded" }]);
  });

  test.each([["--json"], ["--threads", "1"]])("ends at Ctrl-C: %s", async (...more) => {
    const child = start(chat("--yarn", "--max-tokens", "12", ...more));
    child.stdin.on("error", () => {}).end("hello\n".repeat(20));
    child.stdout.once("data", () => child.kill("SIGINT"));
    const { code, stderr } = await finish(child);
    expect([code, stderr]).toEqual([130, expect.stringMatching(/interrupted\n$/)]);
    expect(stderr).not.toContain("stopped");
  });
});

test("Ctrl-C is not passed over by what cannot be stopped in the middle", async () => {
  const config = await readFile(join(tiny, "config.json"));
  let child: ChildProcessWithoutNullStreams | undefined;
  const server = await serve({
    "/model/config.json": (request, response) => {
      child?.kill("SIGINT");
      setTimeout(() => ranged(config)(request, response), 200);
    },
  });
  child = start(["inspect", server.url.href]);
  const { code, stderr } = await finish(child).finally(() => server.close());
  expect([code, stderr]).toEqual([130, "interrupted\n"]);
});

describe("wrong use is one line that helps", () => {
  test.each([
    [["nope"], 2, /unknown command 'nope'/],
    [["generate"], 2, /missing required argument 'model'/],
    [["generate", tiny, "--wat"], 2, /unknown option '--wat'/],
    [["generate", tiny, "--prompt", "x", "--max-tokens", "ten"], 2, /'--max-tokens <n>' argument 'ten' is invalid/],
    [["generate", tiny, "--prompt", "x", "--max-tokens", "0"], 2, /add --save FILE/],
    [["generate", tiny, "--prompt", "x", "--file", "y"], 2, /cannot stand together/],
    [["generate", tiny, "--prompt", ""], 2, /the text is empty/],
    [["generate", tiny, "--prompt", "x", "--factor", "4"], 2, /add --yarn/],
    [["generate", tiny, "--prompt", "x", "--yarn", "--factor", "0.5"], 2, /from 1/],
    [["generate", tiny, "--prompt", "x", "--yarn", "--extend", "linear"], 2, /--yarn contradicts --extend linear/],
    [["generate", tiny, "--prompt", "x", "--temperature", "-1"], 2, /^skein: --temperature: must be/],
    [["generate", tiny, "--prompt", "x", "--schedule", "later"], 2, /Allowed choices are dynamic, static/],
    [["generate", tiny, "--file", "/no/such/file"], 2, /--file \/no\/such\/file: there is no such file/],
    [["generate", "/no/such/model", "--prompt", "x"], 1, /\/no\/such\/model: there is no such folder/],
    [["generate", tiny, "--prompt", "x", "--save", ""], 2, /--save needs the name of a file/],
    [["generate", "Qwen/Qwen2-7B-Instruct", "--prompt", "x"], 1, /only its configuration is built in/],
    [["generate", tiny, "--resume", "/no/such/session"], 2, /--resume \/no\/such\/session: there is no such file/],
    [["generate", tiny, "--resume", tiny], 2, /--resume .*: is a folder/],
    [["chat", tiny], 1, /^(?!.*--chat).*no chat template.*to continue a text.*: skein generate \S+ --prompt TEXT$/m],
    [["generate", tiny, "--chat", "--prompt", "x"], 1, /^skein: this model has no chat template.*; leave --chat out$/m],
    [["inspect", "/no/such/model"], 1, /no\/such\/model/],
    [["demo", "--seeds", "0"], 2, /--seeds must be from 1/],
    [["generate", tiny, "--adapter", "a=b", "--adapter", "c=d"], 2, /It can be given once, and names "a" already/],
    [["demo", "--seed", "2", "--seeds", "3"], 2, /'--seed <n>' cannot be used with option '--seeds <n>'/],
    [["pull", "owner/name@a@b"], 2, /must be a model on the Hub/],
  ])("%j", async (args, expected, message) => {
    const { code, stdout, stderr } = await skein(args);
    expect(code).toBe(expected);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^skein: /);
  });

  test("a command that an error names has the model's path as it is", async () => {
    const odd = join(folder, "a$&b");
    await cp(tiny, odd, { recursive: true });
    expect((await skein(["chat", odd])).stderr).toContain(`: skein generate '${odd}' --prompt TEXT`);
  });

  test.each([
    ["--steps", "1,2"],
    ["--growth", "rerotate"],
    ["--schedule", "dynamic"],
  ])("%s without scaling is no error, and is said to do nothing", async (flag, value) => {
    const call = ["generate", tiny, "--prompt", "x", "--max-tokens", "2", flag, value];
    const { code, stderr } = await skein(call);
    expect(code).toBe(0);
    expect(stderr).toMatch(new RegExp(`warning: ${flag}.* does nothing here: .* add --yarn`));
    expect((await skein([...call, "--yarn"])).stderr).not.toContain("does nothing");
  });

  test("an older Node is told that it is too old, by a file that it can read", async () => {
    const start = fileURLToPath(new URL("../src/cli/start.ts", import.meta.url));
    const older =
      'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})';
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", older, start, "--version"], {
      encoding: "utf8",
    });
    expect([status, stdout, stderr]).toEqual([1, "", "skein: needs Node 24 or newer, and this is 20.20.2\n"]);
    const present = spawnSync(process.execPath, [start, "--version"], { encoding: "utf8" });
    expect(present).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test("with --json the error is an object, too; what cannot be saved is said before any work", async () => {
    const refused = await skein(["generate", tiny, "--prompt", "x", "--max-tokens", "400", "--json"]);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ type: "error", code: "context_length_exceeded" });
    const unknown = await skein(["generate", tiny, "--wat", "--json"]);
    expect(unknown.code).toBe(2);
    expect(JSON.parse(unknown.stdout)).toMatchObject({ type: "error", code: "usage" });
    expect(JSON.parse(unknown.stdout).message).toMatch(/^unknown option '--wat'.*; skein generate --help/);
    const nowhere = await skein([
      "generate",
      tiny,
      "--prompt",
      "x",
      "--max-tokens",
      "2",
      "--save",
      join(folder, "no", "where"),
    ]);
    expect(nowhere).toMatchObject({ code: 2, stdout: "" });
    expect(nowhere.stderr).toMatch(/^skein: --save .*: there is no folder .*\n$/);
  });

  test("what is no text, and an output that is full", async () => {
    const child = start(["generate", tiny, "--max-tokens", "2"]);
    child.stdin.end(Buffer.from([0xff, 0xfe, 0]));
    expect(await finish(child)).toMatchObject({ code: 2, stderr: "skein: standard input: is not UTF-8 text\n" });
    const full = await open("/dev/full", "w").catch(() => undefined);
    if (full === undefined) return; // only Linux has one
    const writer = spawn(process.execPath, [main, "generate", tiny, "--prompt", "x", "--max-tokens", "2"], {
      stdio: ["ignore", full.fd, "pipe"],
    });
    let stderr = "";
    writer.stderr!.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => writer.on("close", resolve));
    await full.close();
    expect([code, stderr]).toEqual([1, "skein: standard output cannot be written (ENOSPC)\n"]);
  });

  test("a stack trace only with --debug", async () => {
    const { stderr } = await skein(["--debug", "generate", "/no/such/model", "--prompt", "x"]);
    expect(stderr).toMatch(/\n +at /);
  });

  test.each([["demo"], ["generate"], ["chat"], ["inspect"]])("%s --help has examples", async (command) => {
    const { code, stdout } = await skein([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ skein ${command}`);
  });
});
