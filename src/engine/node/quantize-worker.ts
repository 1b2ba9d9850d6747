import { basename, dirname, join, resolve } from "node:path";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { type GgufPlan, ggufPieces } from "../../checkpoint/gguf/write-gguf.ts";
import type { TensorIndex } from "../../checkpoint/tensors.ts";
import { SkeinError } from "../../errors.ts";
import { serve } from "../channel.ts";
import { planQuantized } from "../plan-quantized.ts";
import type { QuantizeCall, QuantizeMethods, QuantizePlan } from "../quantize-methods.ts";
import type { SourceDescription } from "../source.ts";
import { checkDestination } from "./destination.ts";
import { openSource, platform } from "./platform.ts";

type Step = IteratorResult<Uint8Array<ArrayBuffer>, void>;

let pieces: AsyncIterator<Uint8Array<ArrayBuffer>, void> | undefined;
let ahead: Promise<Step> | undefined;

/** The worker that makes the bytes of a GGUF file; its owner writes them. One file, then it is ended. */
serve<QuantizeMethods>(platform.ownerPort(), {
  plan: async (call) => {
    const files = await openSource(call.source);
    const { plan, index, warnings } = await planQuantized(files, { ...call, name: nameOf(call.source) });
    const sources = pathsOf(files, index);
    await checkDestination({ path: call.destination, overwrite: call.overwrite, bytes: plan.bytes, sources });
    pieces = ggufPieces(plan, files, index);
    return { ...describe(plan, call, index), warnings };
  },
  next: async (_, { transfer }) => {
    if (!pieces) throw new SkeinError("internal", "no file was planned");
    const step = await (ahead ?? pieces.next());
    if (step.done) return undefined;
    ahead = pieces.next();
    ahead.catch(() => {}); // heard by the next call, if there is one
    transfer.push(step.value.buffer);
    return step.value;
  },
});

function describe(plan: GgufPlan, { type }: QuantizeCall, index: TensorIndex): Omit<QuantizePlan, "warnings"> {
  const tensors: Record<string, number> = {};
  let sourceBytes = 0;
  for (const tensor of plan.tensors) {
    tensors[tensor.type] = (tensors[tensor.type] ?? 0) + 1;
    const entry = typeof tensor.source === "string" ? index.entry(tensor.source) : undefined;
    if (entry) sourceBytes += entry.end - entry.start;
  }
  const fallbacks = type === "f16" ? [] : plan.tensors.filter((tensor) => tensor.type === "F16");
  return { bytes: plan.bytes, sourceBytes, tensors, fallbacks: fallbacks.map(({ name }) => name) };
}

/** @returns the files with the weights, where they lie on a disk */
function pathsOf({ realPath, tensors }: CheckpointFiles, index: TensorIndex): readonly string[] {
  if (realPath === undefined) return [];
  const folder = tensors ? dirname(realPath) : realPath; // of a GGUF file it is the file's
  return [...new Set(index.names.map((name) => index.entry(name)!.file))].map((file) => join(folder, file));
}

/** What people call a model is what its folder, or its file, is called. */
function nameOf(source: SourceDescription): string {
  switch (source.kind) {
    case "folder":
      return withoutEnding(basename(resolve(source.path)));
    case "url":
      return withoutEnding(basename(decodeURIComponent(new URL(source.url).pathname)));
    default:
      return "model";
  }
}

function withoutEnding(name: string): string {
  return name.replace(/(-\d{5}-of-\d{5})?\.gguf$/i, "") || "model";
}
