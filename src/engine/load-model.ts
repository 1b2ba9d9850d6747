import { workers } from "#workers";
import { readContextOptions } from "../context/options.ts";
import { checkOption, checkWhole, SkeinError } from "../errors.ts";
import { WorkerClient } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { eitherSignal } from "./either-signal.ts";
import type { EngineMethods } from "./methods.ts";
import { Model } from "./model.ts";
import type { LoadOptions, Warning } from "./options.ts";
import { resolveSource } from "./resolve-source.ts";
import { sendAdapters } from "./send-adapter.ts";
import { checkSource, type ModelSource, sendSource } from "./source.ts";
import { TextClient } from "./text-client.ts";
import { warnOnConsole } from "./warn-on-console.ts";

/**
 * Loads a model from a folder, a URL, files, or the Hub, in workers of its own.
 *
 * @param source - path or URL of a folder with `config.json`, `model.safetensors` (or shards) and `tokenizer.json`, or these files as Blobs; or a model's
 * id on the Hub, unless a folder or file has this name
 * @throws SkeinError: `not_found`, `not_cached`, `invalid_checkpoint`, `unsupported`, ...; InvalidConfigError; InvalidOptionError; the signal's reason
 *
 * @example
 * await using model = await loadModel("models/tiny-qwen2", { context: { extend: "yarn", factor: 4 } });
 */
export async function loadModel(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
  checkOptions(options);
  for (const name of ["backend", "weights", "embeddings", "cache", "kernels"] as const) {
    checkOption(name, options[name], typeof options[name] === "string", "a name");
  }
  const { backend, weights, embeddings, cache, threads, kernels, download, signal, onProgress } = options;
  const tell = options.onWarning ?? warnOnConsole;
  const warnings: Warning[] = [];
  const onWarning = (warning: Warning): void => {
    warnings.push(warning);
    tell(warning);
  };
  const { context: given = {} } = options;
  const context = readContextOptions(given);
  checkWhole("threads", threads, 1, 1024);
  signal?.throwIfAborted();
  const resolving = { download, signal, onProgress, onWarning };
  const adapters = await sendAdapters(options.adapters, resolving);
  const [checked, sent] = await resolveSource(source, resolving)
    .then(checkSource)
    .then((checked) => [checked, sendSource(checked)] as const)
    .catch((error: unknown) => {
      for (const adapter of adapters) adapter.stop();
      throw error;
    });

  const engine = new WorkerClient<EngineMethods>(workers.spawnEngineWorker());
  const text = new TextClient(workers, checked);
  try {
    const kept = { backend, weights, embeddings, cache, threads, kernels, context };
    const call = { source: sent.description, ...kept, adapters: adapters.map((adapter) => adapter.call) };
    const transfer = [sent, ...adapters].flatMap((part) => part.transfer);
    const [facts, table] = await Promise.all([
      engine.call("load", call, {
        signal: eitherSignal(signal, sent.failed),
        onEvent: onProgress,
        abandon: true,
        transfer,
      }),
      text.load(signal),
    ]);
    if (table) {
      const transfer = [table.bytes.buffer, table.offsets.buffer, table.control.buffer];
      await engine.call("setTokenTable", table, { transfer });
    }
    for (const warning of facts.warnings) onWarning(warning);
    return new Model(engine, text, { ...facts, warnings }, tell);
  } catch (error) {
    const reason = new SkeinError("disposed", "this model could not be loaded");
    text.close(reason);
    engine.close(reason);
    throw error;
  } finally {
    for (const part of [sent, ...adapters]) part.stop();
  }
}
