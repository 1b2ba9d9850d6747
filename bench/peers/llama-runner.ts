import { readFile } from "node:fs/promises";
import { measureInChild } from "../child.ts";
import type { Task } from "../engine.ts";
import { type Figure, roomFor } from "../figures.ts";
import type { MeasuringContext } from "../measuring-context.ts";
import { createRunner, type Runner } from "../runner.ts";
import { textPath } from "../workspace.ts";
import { type LlamaOptions, nameOf, type PeerSetting } from "./peer-setting.ts";

const script = new URL("./llama/child.ts", import.meta.url);

/** @param model - the GGUF file */
export function createLlamaRunner(
  model: string,
  { setting, threads, version }: { readonly setting: PeerSetting; readonly threads: number; readonly version: string },
  { shape, workspace, signal, eventsOf }: MeasuringContext,
): Runner {
  return createRunner({
    name: "llama.cpp",
    shape,
    run: (task, figure) => {
      const options: LlamaOptions = { model, threads, room: roomFor(figure, shape), setting };
      const job = { options, task: reservedWindow(figure) ?? exactText(task) };
      return measureInChild(script, job, { signal, ...eventsOf(`llama.cpp ${figure.name}`) });
    },
    pathOf: (length) => textPath(workspace, ["llama", version, shape.name, nameOf(setting)], length),
    forget: async () => {}, // it keeps nothing
  });
}

/** llama.cpp reserves and clears its whole window when it is opened: to fill it takes hours and hardly any more memory. */
function reservedWindow({ kind }: Figure): Task | undefined {
  return kind === "memory" ? { kind: "prefill", tokens: 512, save: undefined } : undefined;
}

/** A state that is longer than the context cannot be loaded. */
function exactText(task: Task): Task {
  return task.kind === "decode" ? { ...task, longest: task.text.length } : task;
}

/**
 * @returns the version of node-llama-cpp
 * @throws Error that says how to install it
 */
export async function peerVersion(): Promise<string> {
  const path = new URL("./node_modules/node-llama-cpp/package.json", import.meta.url);
  try {
    return (JSON.parse(await readFile(path, "utf8")) as { version: string }).version;
  } catch {
    throw new Error("node-llama-cpp is not installed: npm ci --prefix bench/peers --ignore-scripts");
  }
}
