import type { GenerationDefaults } from "../model/generation-config.ts";
import type { WorkerClient } from "./channel.ts";
import type { EngineMethods, SessionId } from "./methods.ts";
import type { TextClient } from "./text-client.ts";

/** What a model and its sessions share: the two workers, and what the checkpoint says about generating. */
export interface ModelParts {
  readonly engine: WorkerClient<EngineMethods>;
  readonly text: TextClient;
  readonly defaults: GenerationDefaults;
  /** Frees what a session holds that was dropped and not disposed of. */
  readonly abandoned: FinalizationRegistry<SessionId>;
}
