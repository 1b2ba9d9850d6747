import { parentPort } from "node:worker_threads";
import { compileJoined, whileOthersWait } from "./widening-flags.ts";

/* Sets the flags and never comes to take them back. For a test, which ends this worker. */

parentPort!.on("message", () => {}); // keeps it alive
const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
void whileOthersWait(() =>
  compileJoined(empty, () => {
    parentPort!.postMessage("flags are set");
    return new Promise(() => {});
  }),
);
