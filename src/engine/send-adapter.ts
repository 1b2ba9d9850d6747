import { checkFactor, checkWindow } from "../context/options.ts";
import { InvalidOptionError } from "../errors.ts";
import type { AdapterCall } from "./methods.ts";
import type { AdapterOptions, LoadOptions } from "./options.ts";
import { type ResolveOptions, resolveSource } from "./resolve-source.ts";
import { checkSource, type ModelSource, type SentSource, sendSource } from "./source.ts";

/** An adapter that is ready to be sent to the engine worker. */
export interface SentAdapter extends Pick<SentSource, "transfer" | "stop"> {
  readonly call: AdapterCall;
}

const longestName = 100;

/** @throws InvalidOptionError naming the option that cannot be followed; what {@link resolveAdapter} throws */
export async function sendAdapters(
  adapters: LoadOptions["adapters"] = {},
  options: ResolveOptions = {},
): Promise<SentAdapter[]> {
  const resolved: [string, ModelSource | AdapterOptions][] = [];
  for (const [name, adapter] of listAdapters(adapters)) resolved.push([name, await resolveAdapter(adapter, options)]);
  const sent: SentAdapter[] = [];
  try {
    for (const [name, adapter] of resolved) sent.push(sendAdapter(name, adapter));
  } catch (error) {
    for (const { stop } of sent) stop();
    throw error;
  }
  return sent;
}

/** @throws InvalidOptionError when the option is no object */
export function listAdapters(
  adapters: NonNullable<LoadOptions["adapters"]>,
): readonly [string, ModelSource | AdapterOptions][] {
  if (typeof adapters !== "object" || adapters === null || Array.isArray(adapters))
    throw new InvalidOptionError("adapters", "must be an object of adapters by their names");
  return Object.entries(adapters);
}

/** An adapter's id on the Hub becomes the path of its files in the cache. @throws HubError */
export async function resolveAdapter(
  adapter: ModelSource | AdapterOptions,
  options: ResolveOptions,
): Promise<ModelSource | AdapterOptions> {
  if (!hasOptions(adapter)) return await resolveSource(adapter, options);
  const { window, factor } = adapter;
  return { source: await resolveSource(adapter.source, options), window, factor };
}

/**
 * @param option - for messages
 * @throws InvalidOptionError naming the option that cannot be followed
 */
export function sendAdapter(
  name: string,
  adapter: ModelSource | AdapterOptions,
  option = `adapters.${name}`,
): SentAdapter {
  const { source, window, factor } = checkAdapter(name, adapter, option);
  const { description, transfer, stop } = sendSource(checkSource(source));
  return { call: { name, source: description, window, factor }, transfer, stop };
}

/**
 * @param option - for messages
 * @throws InvalidOptionError naming the option that cannot be followed
 */
export function checkAdapter(
  name: string,
  adapter: ModelSource | AdapterOptions,
  option = `adapters.${name}`,
): AdapterOptions {
  checkAdapterName(name);
  const { source, window, factor } = hasOptions(adapter) ? adapter : { source: adapter };
  checkWindow(`${option}.window`, window);
  checkFactor(`${option}.factor`, factor);
  return { source, window, factor };
}

/** @throws InvalidOptionError */
export function checkAdapterName(name: unknown): void {
  if (typeof name === "string" && name !== "" && name.length <= longestName && !/\p{C}/u.test(name)) return;
  throw new InvalidOptionError(
    "adapter",
    `must be a name of 1 to ${longestName} characters, none of them a control character`,
  );
}

/** Files are Blobs, so an object whose `source` is something else is none of files. */
function hasOptions(adapter: ModelSource | AdapterOptions): adapter is AdapterOptions {
  return (
    typeof adapter === "object" &&
    adapter !== null &&
    !(adapter instanceof URL) &&
    "source" in adapter &&
    !(adapter.source instanceof Blob)
  );
}
