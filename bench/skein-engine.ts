import { setTimeout as sleep } from "node:timers/promises";
import { type LoadOptions, listCachedWeights, loadModel, type Session } from "../src/index.ts";
import type { Engine, EngineOptions, Sequence } from "./engine.ts";

/** How Skein is measured. */
export interface SkeinOptions extends EngineOptions {
  /** `file`: as the file has them. */
  readonly weights: string;
  readonly cache: string;
  readonly backend: string;
  /** `yarn` (default): windows past the native one can be had. */
  readonly extend?: "yarn" | "none" | undefined;
}

const settleMilliseconds = 200;
/** Whoever else writes into the folder, and is ended there, must not hold a measurement up for good. */
const mostSettleMilliseconds = 180_000;

export async function openSkein(options: SkeinOptions, onNote: (text: string) => void): Promise<Engine> {
  // Names that are not known are refused by loadModel, which says what there is.
  const { model: folder, threads, room, extend = "yarn", ...names } = options;
  const { weights, cache, backend } = names as LoadOptions;
  const unfinishedBefore = await countUnfinishedWeights();
  const model = await loadModel(folder, {
    weights: options.weights === "file" ? undefined : weights,
    cache,
    backend,
    threads,
    context: extend === "yarn" ? { extend, factor: 4 } : { extend },
    onWarning: ({ message }) => onNote(message),
  });
  return {
    vocabulary: model.config.vocab_size,
    createSequence: async () => toSequence(await model.createSession({ plannedTokens: room })),
    restoreSequence: async (path) => toSequence(await model.restoreSession(path)),
    settle: async () => {
      // A first start keeps its repacked weights in the background: what is measured must not run beside that.
      const end = performance.now() + mostSettleMilliseconds;
      do await sleep(settleMilliseconds);
      while ((await countUnfinishedWeights()) > unfinishedBefore && performance.now() < end);
      if (performance.now() >= end) onNote("weights are still being kept while this is measured");
    },
    close: () => model.dispose(),
  };
}

/** Files of the cache that are being written, and what interrupted processes left of theirs. */
async function countUnfinishedWeights(): Promise<number> {
  return (await listCachedWeights()).unusable.files;
}

function toSequence(session: Session): Sequence {
  return {
    append: async (tokens, onProgress) => {
      await session.append(tokens, { onProgress: ({ completed }) => onProgress(completed) });
    },
    generate: async (first, count, onToken) => {
      const generation = session.generate({ tokens: [first], maxTokens: count, temperature: 0, endTokens: [] });
      for await (const { tokens } of generation) tokens.forEach(onToken);
    },
    truncate: (length) => session.truncate(length),
    save: (path) => session.save(path),
    release: () => session.dispose(),
  };
}
