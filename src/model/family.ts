import type { Backend, BlockStore } from "../backend/backend.ts";
import { createAdaptedDecoder } from "./adapter/adapted-decoder.ts";
import type { ModelConfig } from "./config.ts";
import type { Decoder, Weights } from "./decoder.ts";
import { createLlama } from "./llama.ts";
import { createMistral } from "./mistral.ts";
import { createQwen2 } from "./qwen2.ts";
import { createQwen3 } from "./qwen3.ts";

/** Builds the decoder of a configuration's family, whose sequences may have adapters. */
export function createDecoder(config: ModelConfig, backend: Backend, store: BlockStore, weights: Weights): Decoder {
  return createAdaptedDecoder(backend, weights, (adapted, named) => createPlain(config, adapted, store, named));
}

function createPlain(config: ModelConfig, backend: Backend, store: BlockStore, weights: Weights): Decoder {
  switch (config.model_type) {
    case "qwen2":
      return createQwen2(config, backend, store, weights);
    case "qwen3":
      return createQwen3(config, backend, store, weights);
    case "llama":
      return createLlama(config, backend, store, weights);
    case "mistral":
      return createMistral(config, backend, store, weights);
  }
}
