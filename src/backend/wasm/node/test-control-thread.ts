import { parentPort } from "node:worker_threads";
import { Control } from "../control.ts";
import { type ControlTask, help } from "../test-control-task.ts";

parentPort?.once("message", ({ threads, controlMemory, words }: ControlTask) => {
  const control = new Control(threads, controlMemory);
  parentPort?.postMessage("ready");
  help(control, words);
  parentPort?.postMessage("done");
});
