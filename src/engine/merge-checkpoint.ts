import { CheckpointError } from "../checkpoint/errors.ts";
import { type CheckpointFiles, readPieces, readText } from "../checkpoint/files.ts";
import type { TensorEntry } from "../checkpoint/safetensors.ts";
import { weightFileNames } from "../checkpoint/shards.ts";
import { checkTensors, openTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import { resolveContext } from "../context/settings.ts";
import { UnsupportedError } from "../errors.ts";
import type { OpenAdapter } from "../model/adapter/open-adapter.ts";
import { expectedTensors, optionalTensors } from "../model/config.ts";
import type { MergeCall } from "./merge-methods.ts";
import { mergeTensor } from "./merge-tensor.ts";
import { mergedConfig } from "./merged-config.ts";
import type { MergedModel, Progress } from "./options.ts";
import type { AtomicFolder } from "./platform.ts";
import { readConfiguration } from "./read-configuration.ts";
import { prepareAdapter } from "./runtime/adapters.ts";

/** What a merge writes into, and whom it tells. */
export interface MergeTarget {
  readonly folder: AtomicFolder;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Copied at a time, in bytes. */
const pieceBytes = 16 * 2 ** 20;

/** What a checkpoint has besides weights, where its source cannot list its files. */
const knownFiles = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "chat_template.json",
  "LICENSE",
];

/**
 * Writes a checkpoint of the base with the adapter in it: file by file and tensor by tensor, each in the type that it had. Nothing is kept in memory but a
 * piece of one tensor and the two matrices that are added to it.
 *
 * @throws CheckpointError, InvalidConfigError, UnsupportedError; SkeinError (code `write_failed`); the signal's reason. What was written is not in its place then
 */
export async function mergeCheckpoint(
  files: CheckpointFiles,
  adapterFiles: CheckpointFiles,
  call: MergeCall["adapter"],
  { folder, signal, onProgress }: MergeTarget,
): Promise<Omit<MergedModel, "folder">> {
  if (files.tensors)
    throw new UnsupportedError(
      `${files.label}: nothing is merged into a GGUF file, whose blocks would be rounded a second time; merge into the checkpoint that it was made of (config.json and safetensors), and convert that`,
    );
  const { config } = await readConfiguration(files);
  const index = await openTensors(files);
  checkTensors(index, expectedTensors(config), { optional: optionalTensors(config) });
  const base = { options: {}, settings: resolveContext(config) };
  const { adapter, context, warnings } = await prepareAdapter(adapterFiles, call, config, base, "");
  if (config.tie_word_embeddings && adapter.modules.has("lm_head"))
    throw new UnsupportedError(
      `${files.label}: the adapter changes the output matrix (lm_head), which is the embedding too (tie_word_embeddings), so that a merge would change both; load it beside its base`,
    );
  const entries = index.names.map((name) => index.entry(name)!);
  const shards = Map.groupBy(entries, ({ file }) => file);
  const total = entries.reduce((sum, { start, end }) => sum + end - start, 0);
  let completed = 0;
  const advance = (bytes: number): void => {
    signal.throwIfAborted();
    completed += bytes;
    onProgress({ phase: "merge", completed, total });
  };
  advance(0);
  const text = mergedConfig((await readText(files, "config.json"))!, config, context);
  await writeFile(folder, "config.json", [new TextEncoder().encode(text)]);
  const indexFiles = (await weightFileNames(files)).filter((name) => !shards.has(name));
  for (const name of [...(await otherFiles(files)), ...indexFiles]) await copy(files, name, folder);
  for (const [name, tensors] of shards) {
    const numbers = tensorPieces(files, index, adapter, tensors, signal);
    await writeFile(folder, name, join(headerOf(tensors), numbers, advance));
  }
  return { bytes: total, modules: adapter.modules.size, warnings };
}

/** A safetensors file. @param advance - told of the numbers that were written */
async function* join(
  header: Uint8Array,
  numbers: AsyncIterable<Uint8Array>,
  advance: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  yield header;
  for await (const piece of numbers) {
    yield piece;
    advance(piece.length);
  }
}

/** The tensors of a file in their order. */
async function* tensorPieces(
  files: CheckpointFiles,
  index: TensorIndex,
  adapter: OpenAdapter,
  tensors: readonly TensorEntry[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const entry of tensors) {
    const module = adapter.modules.get(entry.name.replace(/\.weight$/, ""));
    if (module) yield* mergeTensor(index, entry, adapter.tensors, module, signal);
    else yield* readPieces(files, entry.file, { ...entry, pieceBytes });
  }
}

/** transformers refuses files that do not say whose format they are. */
function headerOf(tensors: readonly TensorEntry[]): Uint8Array {
  const header: [string, object][] = [["__metadata__", { format: "pt" }]];
  let offset = 0;
  for (const { name, dtype, shape, start, end } of tensors) {
    header.push([name, { dtype, shape, data_offsets: [offset, offset + end - start] }]);
    offset += end - start;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

/** Codes of names that are refused, and of links. */
const refusals: readonly string[] = ["invalid_checkpoint", "permission_denied"];

/** Tokenizer, chat template, generation settings, licence: text that lies beside the weights. */
async function otherFiles(files: CheckpointFiles): Promise<string[]> {
  const names = (await files.list?.()) ?? knownFiles;
  const found: string[] = [];
  for (const name of names) {
    const isText = /\.(json|txt|jinja|model)$/i.test(name) || /^(licen[cs]e|notice)/i.test(name);
    const isOwn = name === "config.json" || /\.index\.json$|^adapter_|^skein\.json$/.test(name);
    if (!isText || isOwn) continue;
    const size = await files.size(name).catch((error: unknown) => {
      // What is no part of a checkpoint may lie there, and have a name that is refused, or be a link that leads out.
      const isRefused = error instanceof CheckpointError && refusals.includes(error.code);
      if (!isRefused || knownFiles.includes(name) || !/\.(json|txt)$/i.test(name)) throw error;
      return undefined;
    });
    if (size !== undefined) found.push(name);
  }
  return found;
}

async function copy(files: CheckpointFiles, name: string, folder: AtomicFolder): Promise<void> {
  const end = (await files.size(name)) ?? 0;
  await writeFile(folder, name, readPieces(files, name, { start: 0, end, pieceBytes }));
}

async function writeFile(
  folder: AtomicFolder,
  name: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const file = await folder.createFile(name);
  for await (const piece of pieces) await file.write(piece);
  await file.close();
}
