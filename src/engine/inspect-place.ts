import { platform } from "#platform";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { HubError } from "../checkpoint/hub/errors.ts";
import type { HubModel } from "../checkpoint/hub/hub.ts";
import type { HubAddress } from "./inspection.ts";
import { findModelId } from "./resolve-source.ts";
import { type CheckedSource, checkSource, type ModelSource } from "./source.ts";

/** Files, or what is known without them, and where on the Hub they are. */
export interface Place<BuiltIn> {
  readonly place: CheckedSource | CheckpointFiles | BuiltIn;
  readonly hub: HubAddress | null;
}

/**
 * Where files are that are only looked at: a source; or, of an id on the Hub that is not in the cache, the files as they lie there.
 *
 * @param options.findBuiltIn - what is known about a name without any files; preferred to asking the Hub
 * @throws InvalidOptionError; HubError; the signal's reason
 */
export async function findPlace<BuiltIn = never>(
  source: ModelSource,
  {
    findBuiltIn = () => undefined,
    signal,
  }: {
    readonly findBuiltIn?: (name: string) => BuiltIn | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Place<BuiltIn>> {
  const checked = checkSource(source);
  const id = await findModelId(source);
  if (id === undefined || typeof source !== "string") return { place: checked, hub: null };
  const { repository, revision } = id;
  const hub = await platform.openHub?.();
  const found = await hub?.find(id);
  const cached = found && "model" in found ? found : undefined;
  const inCache = ({ path, files }: HubModel): Place<BuiltIn> => {
    const gguf = /\.gguf$/i.test(path) ? files.map(({ name }) => name) : [];
    return { place: { kind: "folder", path }, hub: { repository, revision, gguf } };
  };
  // As for loading: a GGUF file that nobody chose is no answer while the Hub may have safetensors files.
  if (cached && (!cached.doubt || !hub || hub.offline)) return inCache(cached.model);
  const builtIn = findBuiltIn(source);
  if (builtIn !== undefined) return { place: builtIn, hub: { repository, revision, gguf: [] } };
  if (!hub || hub.offline) return { place: checked, hub: null };
  try {
    const { files, gguf } = await hub.open(cached ? { ...id, revision: cached.model.commit } : id, signal);
    return { place: files, hub: { repository, revision, gguf } };
  } catch (error) {
    if (cached && error instanceof HubError) return inCache(cached.model);
    throw error;
  }
}

/** Closes the files when the work is done, and when nobody waits for it any more: that ends requests under way. @throws what the work throws */
export async function closingAfter<Result>(
  files: CheckpointFiles,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const close = (): void => void files.close().catch(() => {});
  signal?.addEventListener("abort", close, { once: true });
  try {
    signal?.throwIfAborted();
    return await work();
  } finally {
    signal?.removeEventListener("abort", close);
    await files.close();
  }
}
