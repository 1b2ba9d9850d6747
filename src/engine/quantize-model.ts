import { platform } from "#platform";
import { workers } from "#workers";
import { type FileType, fileTypeNumbers } from "../checkpoint/gguf/written-types.ts";
import { InvalidOptionError, SkeinError, UnsupportedError } from "../errors.ts";
import { WorkerClient } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import type { LoadOptions, Progress, Warning } from "./options.ts";
import type { QuantizeMethods } from "./quantize-methods.ts";
import { resolveSource } from "./resolve-source.ts";
import { checkSource, type ModelSource, sendSource } from "./source.ts";
import { warnOnConsole } from "./warn-on-console.ts";
import { writeAll } from "./write-all.ts";

/** How a model is written as a GGUF file. */
export interface QuantizeOptions extends Pick<LoadOptions, "download"> {
  /** What its matrices become: float16, or blocks of 32 numbers of 8 or 4 bits. */
  readonly type: FileType;
  /** Whether a file that is there is replaced; false by default. */
  readonly overwrite?: boolean | undefined;
  /** Whether tensors that are quantised already may be quantised again, which loses more than once; false by default. */
  readonly allowRequantize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In bytes of the file. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Receives what is odd about the model; `console.warn` by default. */
  readonly onWarning?: ((warning: Warning) => void) | undefined;
}

/** What was written. */
export interface QuantizedModel {
  readonly path: string;
  /** Of the file. */
  readonly bytes: number;
  /** Of the tensors in the source. */
  readonly sourceBytes: number;
  /** How many tensors there are of each type: `{ Q4_0: 168, Q8_0: 1, F32: 121 }`. */
  readonly tensors: Readonly<Record<string, number>>;
}

/** What a file's owner lets others do is for the user's mask to say, as with any file that a program makes. */
const everybody = 0o666;

/**
 * Writes a model as a GGUF file, for Skein and llama.cpp: weights, configuration, tokenizer, chat template. In a worker, and as a stream: a checkpoint of any size takes
 * a few hundred megabytes of memory. The file is there whole or not at all. Node only.
 *
 * @param source - a folder, a URL or files, as for `loadModel`; its tensors F32, F16 or BF16, unless `allowRequantize`
 * @param destination - the path of a file that ends in `.gguf`
 * @throws InvalidOptionError; UnsupportedError for what a GGUF file cannot say; SkeinError (`write_failed`, `not_found`, `invalid_checkpoint`,
 * `no_tokenizer`, …); the signal's reason
 *
 * @example
 * const { bytes } = await quantizeModel("models/Qwen2-7B-Instruct", "qwen2-7b-instruct-q4_0.gguf", { type: "q4_0" });
 */
export async function quantizeModel(
  source: ModelSource,
  destination: string,
  options: QuantizeOptions,
): Promise<QuantizedModel> {
  checkOptions(options);
  const { type, overwrite = false, allowRequantize = false, download, signal, onProgress } = options;
  const onWarning = options.onWarning ?? warnOnConsole;
  if (typeof type !== "string" || !Object.hasOwn(fileTypeNumbers, type))
    throw new InvalidOptionError("type", `must be one of ${Object.keys(fileTypeNumbers).join(", ")}`);
  for (const [name, value] of Object.entries({ overwrite, allowRequantize }))
    if (typeof value !== "boolean") throw new InvalidOptionError(name, "must be true or false");
  if (typeof destination !== "string" || !/[^/\\]\.gguf$/i.test(destination))
    throw new InvalidOptionError("destination", "must be the path of a file that ends in .gguf");
  if (!workers.spawnQuantizeWorker) throw new UnsupportedError("a browser writes no GGUF files; use Node");
  signal?.throwIfAborted();

  const sent = sendSource(checkSource(await resolveSource(source, { download, signal, onProgress, onWarning })));
  const client = new WorkerClient<QuantizeMethods>(workers.spawnQuantizeWorker());
  try {
    const call = { source: sent.description, destination, type, overwrite, allowRequantize };
    const plan = await client.call("plan", call, { signal, abandon: true, transfer: sent.transfer });
    for (const warning of [...plan.warnings, ...warningsOf(plan.fallbacks)]) onWarning(warning);
    const createFile = (path: string) => platform.createFile(path, everybody, overwrite);
    await writeAll(piecesOf(client, plan.bytes, signal, onProgress), destination, createFile, signal);
    const { bytes, sourceBytes, tensors } = plan;
    return { path: destination, bytes, sourceBytes, tensors };
  } finally {
    client.close(new SkeinError("disposed", "the file is written, or is not to be"));
    sent.stop();
  }
}

/** The file's bytes. The worker makes the next ones while these are written. */
async function* piecesOf(
  client: WorkerClient<QuantizeMethods>,
  total: number,
  signal: AbortSignal | undefined,
  onProgress: QuantizeOptions["onProgress"],
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let completed = 0;
  for (;;) {
    const piece = await client.call("next", undefined, { signal, abandon: true });
    if (piece === undefined) return;
    yield piece;
    completed += piece.length;
    onProgress?.({ phase: "quantize", completed, total });
  }
}

function warningsOf(fallbacks: readonly string[]): readonly Warning[] {
  if (fallbacks.length === 0) return [];
  const shown = fallbacks.slice(0, 3).join(", ") + (fallbacks.length > 3 ? ", …" : "");
  const which = fallbacks.length === 1 ? "1 matrix is" : `${fallbacks.length} matrices are`;
  return [
    {
      code: "rows_not_in_blocks",
      message: `${which} written as F16, because their rows are no multiple of 32 numbers: ${shown}`,
    },
  ];
}
