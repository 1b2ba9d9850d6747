import type { CacheLayout } from "../../backend/backend.ts";
import { contextLengthError } from "../../context/context-length-error.ts";
import { chooseEncoding, type EncodingChoice, sameEncoding } from "../../context/encoding.ts";
import { type Context, narrowContext } from "../../context/narrow.ts";
import type { ContextSettings } from "../../context/settings.ts";
import { SkeinError } from "../../errors.ts";
import type { SnapshotHeader } from "../methods.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { Sequence } from "./sequence.ts";

/** What is saved of a session, besides the blocks of its cache. */
export async function describeSnapshot(
  model: LoadedModel,
  sequence: Sequence,
): Promise<{ readonly header: SnapshotHeader; readonly tokens: Uint32Array<ArrayBuffer> }> {
  const fingerprint = await model.fingerprint();
  const adapter = (await sequence.adapter?.fingerprint()) ?? null;
  const { cache, plannedTokens, ownOptions: context } = sequence;
  const { layout } = model.pool.store;
  const mark = sequence.mark();
  // A request that was narrower may have left keys of its own encoding, which the session's next turn would not keep either.
  const encoding = chooseEncoding(sequence.context.settings, mark.encoding.factor);
  const cached = sameEncoding(encoding, mark.encoding) ? cache.length : 0;
  const header = { fingerprint, adapter, layout, context, plannedTokens, ...mark, encoding, cached };
  return { header, tokens: Uint32Array.from(sequence.tokens) };
}

/**
 * A sequence as it was saved, at its own encoding, still without its blocks.
 *
 * @throws SkeinError (code `snapshot_mismatch`) when it belongs to another model, adapter, cache type, or to a factor that this model was not
 * loaded with
 * @throws ContextLengthError when it is longer than the window
 */
export async function restoreSnapshot(
  model: LoadedModel,
  header: SnapshotHeader,
  tokens: Uint32Array,
): Promise<Sequence> {
  const fingerprint = await model.fingerprint();
  if (header.fingerprint !== fingerprint)
    throw mismatch("it was saved with another model, or with other weights or another backend; load that one");
  const adapter = header.adapter === null ? undefined : await model.adapters.withFingerprint(header.adapter);
  if (header.adapter !== null && !adapter)
    throw mismatch("it was saved with an adapter that is not loaded, or not as it was then; load that one");
  checkLayout(header.layout, model.pool.store.layout);
  const context = narrowToSaved(model, adapter?.context ?? model.context, header);
  const { settings } = context;
  const encoding = checkEncoding(settings, header.encoding);
  if (header.length > settings.extendedWindow && !settings.allowBeyondWindow)
    throw contextLengthError(settings, header.length);
  const { plannedTokens, context: ownOptions } = header;
  const sequence = new Sequence(model.config, model.pool, context, { plannedTokens, ownOptions, adapter });
  sequence.restore([...tokens], { encoding, keepsFactor: header.keepsFactor });
  return sequence;
}

/** A session that was narrower than its model stays so. */
function narrowToSaved(model: LoadedModel, outer: Context, header: SnapshotHeader): Context {
  try {
    return narrowContext(model.config, outer, header.context);
  } catch (error) {
    throw mismatch(`it has options that this model was not loaded for (${(error as Error).message})`);
  }
}

function checkLayout(saved: CacheLayout, here: CacheLayout): void {
  if (saved.type !== here.type)
    throw mismatch(`its cache is ${saved.type}; load the model with cache: "${saved.type}"`);
  for (const key of ["layers", "keyValueHeads", "headDim", "blockTokens"] as const) {
    if (saved[key] !== here[key]) throw mismatch(`its cache has ${key} ${saved[key]}, this model's has ${here[key]}`);
  }
}

/** The saved encoding must be one that this model gives to some sequence; it is made anew, so that nothing unchecked is taken over. */
function checkEncoding(settings: ContextSettings, saved: EncodingChoice): EncodingChoice {
  const encoding = chooseEncoding(settings, saved.factor);
  const isAllowed = settings.method === "trained" || saved.factor <= settings.maximumFactor;
  if (isAllowed && sameEncoding(encoding, saved)) return encoding;
  const { method = "default", factor = saved.factor, sequenceLength } = saved.options;
  const isScaled = method === "yarn" || method === "linear";
  const what = isScaled
    ? `${method} of factor ${factor}`
    : `${method} encoding${sequenceLength ? ` for ${sequenceLength} tokens` : ""}`;
  const how = isScaled
    ? `load it with context: { extend: "${method}", factor: ${factor} }`
    : "load it with the options that it had then";
  throw mismatch(`its keys have ${what}, which this model was not loaded for; ${how}`);
}

function mismatch(why: string): SkeinError {
  return new SkeinError("snapshot_mismatch", `this saved session cannot be continued here: ${why}`);
}
