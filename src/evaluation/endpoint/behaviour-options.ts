import type { Cell } from "../result.ts";
import type { Plan } from "../trial.ts";
import type { EndpointTarget } from "./endpoint-target.ts";
import type { Reference } from "./reference.ts";

/** What a server is judged by. */
export interface BehaviourOptions {
  readonly target: EndpointTarget;
  /** What the evaluation asked: its lengths, its text, and how pass keys are made. */
  readonly plan: Plan;
  /** What the evaluation found: its pass keys are not asked again. */
  readonly cells?: readonly Cell[] | undefined;
  readonly reference?: Reference | undefined;
  readonly signal: AbortSignal;
  /** Told how many texts, or questions, of those at hand were asked. */
  readonly onProgress?: ((completed: number, total: number) => void) | undefined;
}
