import { getLlama, type LlamaContextSequence, LlamaLogLevel, type Token } from "node-llama-cpp";
import type { Engine, Sequence } from "../../engine.ts";
import type { LlamaOptions } from "../peer-setting.ts";

/** A context as large as its prompt is shifted by half at the first answer. */
const spareTokens = 256;

/** Tokens between two reports of progress; a multiple of llama.cpp's batch, which stays what it is. */
const pieceTokens = 2048;

/** llama.cpp as it was compiled for this processor, on threads alone. */
export async function openLlama({ model: path, threads, room, setting }: LlamaOptions): Promise<Engine> {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
    progressLogs: false,
  });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: room + spareTokens,
    threads,
    flashAttention: setting.flashAttention,
    experimentalKvCacheKeyType: setting.cache,
    experimentalKvCacheValueType: setting.cache,
    ignoreMemorySafetyChecks: true,
  });
  return {
    vocabulary: model.fileInfo.metadata.tokenizer.ggml.tokens.length,
    createSequence: async () => toSequence(context.getSequence()),
    restoreSequence: async (saved) => {
      const sequence = context.getSequence();
      try {
        await sequence.loadStateFromFile(saved, { acceptRisk: true });
      } catch (error) {
        sequence.dispose(); // there is one at a time
        throw error;
      }
      return toSequence(sequence);
    },
    settle: async () => {},
    close: () => llama.dispose(),
  };
}

function toSequence(sequence: LlamaContextSequence): Sequence {
  return {
    append: async (tokens, onProgress) => {
      for (let done = 0; done < tokens.length; done += pieceTokens) {
        await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(done, done + pieceTokens) as Token[]);
        onProgress(Math.min(tokens.length, done + pieceTokens));
      }
    },
    generate: async (first, count, onToken) => {
      let generated = 0;
      for await (const token of sequence.evaluate([first as Token], { temperature: 0, yieldEogToken: true })) {
        onToken(token);
        if (++generated === count) break;
      }
    },
    truncate: async (length) => {
      if (sequence.nextTokenIndex > length)
        await sequence.eraseContextTokenRanges([{ start: length, end: sequence.nextTokenIndex }]);
    },
    save: async (path) => {
      await sequence.saveStateToFile(path);
    },
    release: () => sequence.dispose(),
  };
}
