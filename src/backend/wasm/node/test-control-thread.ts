import { parentPort } from "node:worker_threads";
import { Control } from "../control.ts";
import { type ControlTask, runTask } from "../test-control-task.ts";

parentPort?.once("message", (task: ControlTask) => {
  runTask(task, new Control(task.threads, task.controlMemory));
  parentPort?.postMessage("done");
});
