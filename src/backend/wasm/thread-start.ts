import { Control } from "./control.ts";
import { help, type Kernels } from "./thread.ts";

/** What a helping thread is told when it starts. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The same, or the one of 64-bit addresses. */
  readonly far: WebAssembly.Memory;
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
  { module, memory, far, controlMemory, threads, index }: ThreadStart,
  tellReady: () => void,
): never {
  const { exports } = new WebAssembly.Instance(module, { engine: { memory, far } });
  const control = new Control(threads, controlMemory);
  tellReady();
  return help({ kernels: exports as Kernels, far, control, index });
}
