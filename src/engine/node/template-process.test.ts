import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SkeinError } from "../../errors.ts";
import type { RenderCall } from "../methods.ts";
import { TemplateClient } from "../template-client.ts";
import { spawnTemplateProcess } from "./spawn-template-process.ts";

const clients: TemplateClient[] = [];
afterAll(() => {
  for (const client of clients) client.close(new SkeinError("disposed", "the test is over"));
});

function createClient(spawn = () => spawnTemplateProcess(), mostMilliseconds?: number): TemplateClient {
  const client = new TemplateClient(spawn, mostMilliseconds);
  clients.push(client);
  return client;
}

/** Longer than anything takes that ends, whatever else the machine does. */
const patience = 600_000;

/** One whose templates end for other reasons than time. */
function createPatientClient(): TemplateClient {
  return createClient(() => spawnTemplateProcess(patience), patience);
}

function call(text: string, messages: RenderCall["messages"] = [{ role: "user", content: "hi" }]): RenderCall {
  const template = {
    text,
    origin: "tokenizer_config.json in a folder",
    specialTokenStrings: {},
    controlTokens: ["<e>"],
  };
  return { template, messages, tools: undefined, templateArguments: undefined, addGenerationPrompt: true };
}

const harmless = call("{{ messages[0].content }}<e>");

const doubled = (times: number, text = "x"): string =>
  `{% set ns = namespace(s='${text}') %}{% for i in range(${times}) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`;

// What each of them reaches first depends on the machine, except where one code stands.
const limits = ["template_timeout", "template_memory", "template_error"];
const hostile: readonly (readonly [name: string, template: string, codes: readonly string[]])[] = [
  [
    "loops without an end",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
    ["template_timeout"],
  ],
  ["three million turns", "{% for i in range(3000000) %}{{ messages | tojson }}{% endfor %}", limits],
  ["a loop over more numbers than a list takes", "{% for i in range(1000000000) %}x{% endfor %}", limits],
  ["a text of 2^40 characters", `${doubled(40)}{{ ns.s }}`, ["template_error"]],
  ["a text of 2^28 characters cut into letters", `${doubled(28)}{{ ns.s[::2] }}`, limits],
  ["a text of 2^28 characters cut into words", `${doubled(27, "x ")}{{ ns.s.split(' ') | length }}`, limits],
  [
    "indents of half a gigabyte",
    "{% for i in range(9) %}{{ 'a\\nb' | indent(500000000) | upper }}{% endfor %}",
    limits,
  ],
  ["a replacement between all characters", `${doubled(24)}{{ ns.s.replace('', 'y') }}`, limits],
  [
    "lists that contain each other",
    `${doubled(0)}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}`,
    limits,
  ],
  ["macros that call themselves", "{% macro f(x) %}{{ x(x) }}{% endmacro %}{{ f(f) }}", ["template_error"]],
  [
    "a list that contains itself",
    "{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns | tojson }}",
    ["template_error"],
  ],
  ["more parentheses than a stack takes", `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`, limits],
];

test.concurrent.each(hostile)("%s: an error, and the next conversation goes on", async (_name, template, codes) => {
  const client = codes.includes("template_timeout") ? createClient() : createPatientClient();
  const error = await client.renderPieces(call(template)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SkeinError);
  expect(codes).toContain((error as SkeinError).code);
  expect((error as SkeinError).message).toContain("tokenizer_config.json in a folder");
  expect(await client.renderText(harmless)).toBe("hi<e>");
});

const wasteful = "a template that wants more memory than it may have ends, and the process that asked for it does not";
test(wasteful, { timeout: patience }, async () => {
  const client = createPatientClient();
  const template = `${doubled(28)}{% for i in range(4) %}{{ ns.s | upper }}{% endfor %}`;
  await expect(client.renderText(call(template))).rejects.toMatchObject({ code: "template_memory" });
  expect(await client.renderText(harmless)).toBe("hi<e>");
});

test("conversations that wait behind a hostile template are not harmed", async () => {
  const client = createClient();
  const [, template] = hostile[0]!;
  const culprit = client.renderText(call(template)).catch((error: SkeinError) => error.code);
  const waiting = client.renderPieces(harmless);
  expect(await culprit).toBe("template_timeout");
  expect(await waiting).toEqual([
    { content: "hi", isControl: false },
    { content: "<e>", isControl: true },
    { content: "", isControl: false },
  ]);
});

test("an abort ends the template, and what waits for it", async () => {
  const client = createClient();
  const [, template] = hostile[0]!;
  const controller = new AbortController();
  const running = client.renderText(call(template), controller.signal);
  const waiting = client.renderText(harmless, controller.signal);
  controller.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  await expect(waiting).rejects.toThrow("enough");
  expect(await client.renderText(harmless)).toBe("hi<e>");
});

test("one process serves all conversations", async () => {
  let spawned = 0;
  const client = createClient(() => {
    spawned += 1;
    return spawnTemplateProcess();
  });
  for (let i = 0; i < 3; i++) await client.renderText(harmless);
  await client.renderText(call("{{ raise_exception('no') }}")).catch(() => {});
  await client.renderText(harmless);
  expect(spawned).toBe(1);
});

test("messages that are no plain data are refused", async () => {
  const client = createClient();
  const messages = [{ role: "user", content: "hi", tool: () => {} }];
  await expect(client.renderText(call("x", messages))).rejects.toMatchObject({ code: "invalid_option" });
  expect(await client.renderText(harmless)).toBe("hi<e>");
});

test("nothing of JavaScript can be reached", async () => {
  const client = createClient();
  const render = (expression: string) =>
    client.renderText(call(`{{ ${expression} }}`)).catch((error: Error) => error.message);
  for (const value of [
    "''",
    "[]",
    "{}",
    "1",
    "1.5",
    "true",
    "none",
    "range",
    "namespace()",
    "messages",
    "raise_exception",
  ]) {
    for (const name of ["constructor", "__proto__", "prototype", "__class__", "call", "apply", "valueOf"]) {
      expect(await render(`${value}.${name}`), `${value}.${name}`).toBe("");
      expect(await render(`(${value})['${name}']`), `${value}[${name}]`).toMatch(/^$|Cannot access property/);
      expect(await render(`${value}.${name}.constructor('return process')()`)).toMatch(/^chat template: /);
    }
  }
  for (const name of ["process", "globalThis", "require", "constructor", "__proto__", "this", "self"]) {
    expect(await render(`${name} is defined`)).toBe("False");
  }
  expect(await render("messages | map(attribute='constructor') | list")).toMatch(/Undefined|None/);
  expect(await render("messages | selectattr('__proto__') | list | length")).toBe("0");
});

describe.skipIf(process.platform === "win32")(
  "where what is started is not Node, as in Electron without its fuse RunAsNode",
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "skein-templates-"));
    });
    afterAll(() => rm(folder, { recursive: true }));

    /** Renders in what a shell does in Node's place. */
    async function renderIn(script: string, mostStartMilliseconds?: number): Promise<string> {
      const path = join(folder, "not-node");
      await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
      const client = createClient(() => {
        const node = process.execPath;
        process.execPath = path;
        try {
          return spawnTemplateProcess(undefined, mostStartMilliseconds);
        } finally {
          process.execPath = node;
        }
      });
      return client.renderText(harmless);
    }

    test("one that never answers is ended", async () => {
      await expect(renderIn("exec sleep 60", 500)).rejects.toMatchObject({
        code: "worker_failed",
        message: expect.stringMatching(
          /did not answer within 0\.5 seconds, so that no chat template .* RunAsNode .*tokens/,
        ),
      });
    });

    test("one that ends at once is said to be what renders templates", async () => {
      await expect(renderIn("exit 1")).rejects.toMatchObject({
        code: "worker_failed",
        message: expect.stringMatching(/ended \(code 1\), so that no chat template .* RunAsNode .*tokens/),
      });
    });

    test("one that takes its time and answers stays", async () => {
      expect(await renderIn(`sleep 1; exec "${process.execPath}" "$@"`)).toBe("hi<e>");
    });
  },
);
