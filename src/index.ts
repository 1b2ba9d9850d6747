export type { CacheType, WeightType } from "./backend/backend.ts";
export type { ModelFiles } from "./checkpoint/blobs.ts";
export type { FileType } from "./checkpoint/gguf/written-types.ts";
export { HubError, type HubErrorCode } from "./checkpoint/hub/errors.ts";
export type {
  DownloadPlan,
  HubListing,
  HubModel,
  ListedModel,
  ListedRevision,
  RemovedModel,
} from "./checkpoint/hub/hub.ts";
export { ContextLengthError } from "./context/context-length-error.ts";
export type { ContextDiagnosisCode } from "./context/diagnose.ts";
export type { Diagnosis } from "./context/diagnosis.ts";
export type { ContextOptions, Extension, Growth, Schedule } from "./context/options.ts";
export type { ContextMethod, ContextSettings } from "./context/settings.ts";
export type * from "./engine/adapter-inspection.ts";
export { clearCachedWeights, listCachedWeights } from "./engine/cached-weights.ts";
export type { EndTokenDiagnosisCode } from "./engine/diagnose-end-tokens.ts";
export type { PlaceDiagnosisCode } from "./engine/diagnose-places.ts";
export type { UseDiagnosisCode } from "./engine/diagnose-use.ts";
export type { Generation } from "./engine/generation.ts";
export { listHubModels, type PullModelOptions, pullModel, removeHubModel } from "./engine/hub.ts";
export { inspectAdapter } from "./engine/inspect-adapter.ts";
export { inspectModel } from "./engine/inspect-model.ts";
export type * from "./engine/inspection.ts";
export { loadModel } from "./engine/load-model.ts";
export { mergeAdapter } from "./engine/merge-adapter.ts";
export type { EngineStatistics } from "./engine/methods.ts";
export type { Model } from "./engine/model.ts";
export type * from "./engine/options.ts";
export { type QuantizedModel, type QuantizeOptions, quantizeModel } from "./engine/quantize-model.ts";
export { servingSettings } from "./engine/serving/serving-settings.ts";
export type * from "./engine/serving/settings.ts";
export type { Session } from "./engine/session.ts";
export type { ModelSource } from "./engine/source.ts";
export type { ClearedWeights, WeightCacheEntry, WeightCacheListing } from "./engine/weight-cache.ts";
export { InvalidConfigError, InvalidOptionError, SkeinError, type SkeinErrorCode, UnsupportedError } from "./errors.ts";
export type {
  DecoderConfig,
  LlamaConfig,
  MistralConfig,
  ModelConfig,
  Qwen2Config,
  Qwen3Config,
} from "./model/config.ts";
export type { GenerationDefaults } from "./model/generation-config.ts";
export type { RotaryMethod, YarnPairs } from "./position/index.ts";
export type { SamplingOptions } from "./sampling/options.ts";
export type { ChatMessage, ChatMessageFields, ChatMessages, TextPart } from "./text/chat-input.ts";
