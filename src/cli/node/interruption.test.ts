import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const modules = ["./interruption.ts", "../errors.ts", "./terminal.ts"].map(
  (path) => new URL(path, import.meta.url).href,
);
const [interruption, errors, terminal] = modules;

/** Runs a program that takes no notice of signals, which it sends to itself. */
function run(program: string) {
  const imports = `import { interruption } from "${interruption}";
    import { printInterruption, reportError } from "${errors}";
    import { printJson } from "${terminal}";
    const alive = setInterval(() => {}, 1000);`;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", imports + program], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, lines: stdout.split("\n").filter((line) => line !== "") };
}

const object = JSON.stringify({ type: "error", code: "interrupted", message: "interrupted" });
const twice = "process.kill(process.pid, 'SIGINT'); setTimeout(() => process.kill(process.pid, 'SIGINT'), 100);";

test.skipIf(process.platform === "win32")("what ends at once says so, once, after what it has written", () => {
  const told = "interruption.beforeSuddenEnd(printInterruption); printJson({ a: 1 });";
  expect(run(told + twice)).toEqual({ status: 130, lines: ['{"a":1}', object] });
  expect(run(`${told}process.kill(process.pid, 'SIGTERM')`)).toEqual({ status: 143, lines: ['{"a":1}', object] });
  const said = `reportError(new Error(), { json: true, interruptedBy: 130 }); interruption.beforeSuddenEnd(undefined);`;
  expect(run(told + said + twice)).toEqual({ status: 130, lines: ['{"a":1}', object] });
  expect(run(`printJson({ a: 1 });${twice}`)).toEqual({ status: 130, lines: ['{"a":1}'] });
});
