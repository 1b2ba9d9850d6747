import { Control } from "./control.ts";
import { help, type Kernels } from "./thread.ts";

/** What a helping thread is told when it starts. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  /** All, the working one first. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly controlMemory: WebAssembly.Memory;
  readonly threads: number;
  readonly index: number;
}

/**
 * Makes this worker a thread that takes items of operations. It hears nothing afterwards: all goes through shared memory.
 *
 * @param tellReady - called before that
 */
export function runThread(
  { module, memories, controlMemory, threads, index }: ThreadStart,
  tellReady: () => void,
): never {
  const { exports } = new WebAssembly.Instance(module, { engine: { memory: memories[0]! } });
  const control = new Control(threads, controlMemory);
  tellReady();
  return help({ kernels: exports as Kernels, module, memories, control, index });
}
