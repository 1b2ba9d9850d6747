import { availableThreads } from "#threads";
import { findWideKernels } from "#wide-kernels";
import type { Backend, CacheLayout, CacheType, WeightSpec, WeightType } from "../../backend/backend.ts";
import { cacheBytesPerToken } from "../../backend/cache-size.ts";
import { createReferenceBackend } from "../../backend/reference/reference.ts";
import { kernelVariants } from "../../backend/wasm/builder/variant.ts";
import { hasSeveralMemories } from "../../backend/wasm/other-memories.ts";
import { checkCompiles, fastestVariant, hasRelaxedSimd } from "../../backend/wasm/variants.ts";
import { createWasmBackend, packedBytes } from "../../backend/wasm/wasm.ts";
import { InvalidOptionError, UnsupportedError } from "../../errors.ts";
import type { LoadCall } from "../methods.ts";
import type { Warning } from "../options.ts";

const weightTypes: readonly WeightType[] = ["f32", "f16", "bf16", "q8", "q4"];
const cacheTypes: readonly CacheType[] = ["f32", "f16", "q8"];
const kernelChoices = ["auto", "wide", ...kernelVariants] as const;

/** Beyond this, one memory, of 4 GiB, may not do: there has to be room for computing. */
const mostInOneMemory = 3.5 * 2 ** 30;
/** Then there are more of them besides, with twice the room that is needed, for other sequences. Each takes 8 GiB of addresses and nothing else. */
const bytesForEachMemory = 2 * 2 ** 30;
const leastMemories = 4;
const mostMemories = 31;

/** A backend, and what is to be said about the choice. */
export interface ChosenBackend {
  readonly backend: Backend;
  /** How many tokens of one sequence the memory that was set up has room for, beside the weights; undefined where no other would have more. */
  readonly mostTokens?: number | undefined;
  readonly warnings: readonly Warning[];
}

/** Checks the options that do not need the model. @throws InvalidOptionError for names that there are not; UnsupportedError */
export function checkBackendOptions({
  backend = "auto",
  weights,
  embeddings,
  cache = "f32",
  kernels = "auto",
}: LoadCall): void {
  const isReference = backend === "reference";
  oneOf("backend", backend, ["auto", "wasm", "reference"]);
  oneOf("kernels", kernels, kernelChoices);
  for (const [name, value] of Object.entries({ weights, embeddings })) {
    if (value === undefined) continue;
    oneOf(name, value, weightTypes);
    if (isReference && value !== "f32") throw notInReference(name, value, "f32");
  }
  oneOf("cache", cache, cacheTypes);
  if (isReference && cache === "q8") throw notInReference("cache", cache, "f32 and f16");
}

/**
 * @param windows - the most tokens that a sequence may have, and how many without any scaling
 * @throws UnsupportedError when `kernels` asks for what this engine does not have, or nothing may be compiled
 */
export async function chooseBackend(
  { backend = "auto", threads, kernels = "auto" }: LoadCall,
  layout: Omit<CacheLayout, "blockTokens">,
  specs: readonly WeightSpec[],
  windows: { readonly native: number; readonly extended: number },
): Promise<ChosenBackend> {
  if (backend === "reference") {
    const isIdle = threads !== undefined && threads > 1;
    const message = `threads: ${threads} were asked for; the reference backend computes on one`;
    return { backend: createReferenceBackend(), warnings: isIdle ? [{ code: "threads", message }] : [] };
  }
  checkCompiles();
  if ((kernels === "relaxed" || kernels === "pairs") && !hasRelaxedSimd())
    throw new UnsupportedError(`kernels: this engine has no relaxed SIMD, which ${kernels} needs; use plain`);
  const variant = kernels === "auto" || kernels === "wide" ? fastestVariant() : kernels;
  const weightBytes = packedBytes(specs);
  const tokenBytes = cacheBytesPerToken(layout);
  const needed = weightBytes + windows.extended * tokenBytes;
  const maySplit = hasSeveralMemories();
  // A window that could be extended changes nothing for those who stay in the native one: what would lie in one memory does.
  const workingEnd = weightBytes + windows.native * tokenBytes > mostInOneMemory ? 0 : mostInOneMemory;
  const wanted = Math.min(mostMemories, Math.max(leastMemories, Math.ceil(needed / bytesForEachMemory)));
  const others = needed > mostInOneMemory && maySplit ? wanted : 0;
  const room = others * 2 * bytesForEachMemory || mostInOneMemory;
  const { used, warnings } = chooseThreads(threads);
  const { module, problem } = await findWideKernels(kernels, variant, specs, layout, weightBytes);
  return {
    backend: await createWasmBackend({ threads: used, others, workingEnd, variant, module }),
    mostTokens: maySplit ? Math.floor((room - weightBytes) / tokenBytes) : undefined,
    warnings: problem ? [...warnings, { code: "kernels", message: problem }] : warnings,
  };
}

/** More threads than cores make nothing faster, and each takes some 20 MB: a few more may be asked for, no more. */
function chooseThreads(asked: number | undefined): { readonly used: number; readonly warnings: readonly Warning[] } {
  const available = availableThreads();
  const most = available === 1 && isPage() ? 1 : Math.max(8, 4 * available);
  if (asked === undefined || asked <= most) return { used: asked ?? available, warnings: [] };
  const why =
    most === 1
      ? "a page that is not cross-origin isolated has one"
      : `${most} are used, which is enough for this machine`;
  return { used: most, warnings: [{ code: "threads", message: `threads: ${asked} were asked for; ${why}` }] };
}

function isPage(): boolean {
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false;
}

function oneOf(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value === "string" && known.includes(value)) return;
  throw new InvalidOptionError(name, `${String(value)} is not known; there are ${known.join(", ")}`);
}

function notInReference(name: string, value: string, has: string): UnsupportedError {
  return new UnsupportedError(`${name}: ${value} is not known to the reference backend; it has ${has}`);
}
