import { parentPort } from "node:worker_threads";
import { runThread } from "../thread-start.ts";

parentPort?.once("message", (start) => runThread(start, () => parentPort?.postMessage("ready")));
