import type { EngineOptions } from "../engine.ts";

/** How llama.cpp is measured. */
export interface LlamaOptions extends EngineOptions {
  readonly setting: PeerSetting;
}

/** What llama.cpp leaves to choose. A quantised cache needs flash attention. */
export interface PeerSetting {
  readonly flashAttention: boolean;
  readonly cache: "F16" | "Q8_0";
}

export const peerSettings: readonly PeerSetting[] = [
  { flashAttention: true, cache: "F16" },
  { flashAttention: true, cache: "Q8_0" },
  { flashAttention: false, cache: "F16" },
];

export function nameOf({ flashAttention, cache }: PeerSetting): string {
  return `${flashAttention ? "flash" : "plain"}-${cache}`;
}
