import type { Kernel } from "../builder/kernel.ts";
import { attentionKernels } from "./attention.ts";
import { cacheKernels } from "./cache.ts";
import { linearKernels } from "./linear.ts";
import { panelKernels } from "./panels.ts";
import { rowKernels } from "./rows.ts";

/** All kernels of the module. In a file of its own, which nothing that runs in the package imports: there kernels are assembled already. */
export const kernels: readonly Kernel[] = [
  ...new Set([...linearKernels, ...panelKernels, ...rowKernels, ...attentionKernels, ...cacheKernels]),
];
