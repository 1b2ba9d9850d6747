import { parentPort } from "node:worker_threads";
import { assemble } from "../src/backend/wasm/builder/assemble.ts";
import { defineKernel } from "../src/backend/wasm/builder/kernel.ts";
import { v128 } from "../src/backend/wasm/builder/values.ts";

/* Reads memory of its own, all of it, whenever it is asked to. */

const bytes = 512 * 2 ** 20;
const unroll = 16;

/** Reads vectors, `unroll` at a time, and stores what they come to: else nothing would have to be read. */
const readAll = defineKernel("readAll", { from: "address", times: "i32", out: "address" }, (code, given) => {
  const at = code.local("address", given.from);
  const sums = code.locals(4, "v128", v128.zero);
  code.repeat(given.times, () => {
    for (let i = 0; i < unroll; i++) {
      const sum = sums[i % sums.length]!;
      code.set(sum, v128.xor(sum, code.load(at, i * 16)));
    }
    code.advance(at, unroll * 16);
  });
  for (const [i, sum] of sums.entries()) code.store(given.out, sum, i * 16);
});

const pages = bytes / 65536 + 1;
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
const module = await WebAssembly.compile(await assemble([readAll], "relaxed"));
const instance = await WebAssembly.instantiate(module, { engine: { memory } });
const read = instance.exports.readAll as (from: number, times: number, out: number) => void;
const numbers = new Uint32Array(memory.buffer);
for (let i = 0; i < numbers.length; i++) numbers[i] = i; // pages that were never written are one page of zeros
const measure = (): void => read(65536, bytes / (unroll * 16), 0);
for (let i = 0; i < 3; i++) measure(); // until the code is compiled for good
parentPort?.on("message", () => {
  measure();
  parentPort?.postMessage(bytes);
});
parentPort?.postMessage("ready");
