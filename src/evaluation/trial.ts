import type { Haystack } from "./haystack.ts";
import type { Method } from "./method.ts";
import type { Sample, SuiteName } from "./result.ts";
import type { Setup, Target, Way } from "./target.ts";

/** What suites make trials from. */
export interface Plan {
  readonly target: Target;
  /** Of models; a server has one way, and no methods. */
  readonly methods: readonly Method[];
  /** All that are compared: the methods, or `endpoint`. */
  readonly ways: readonly Way[];
  /** In tokens, ascending. */
  readonly lengths: readonly number[];
  /** How many a cell. */
  readonly samples: number;
  readonly seed: number;
  /** How many questions share a text: their answers depend on each other, but reading takes less time. */
  readonly share: number;
  readonly haystack: Haystack;
  /** Those of `retrieval` that are asked; all unless given. */
  readonly tasks?: readonly string[];
  /** How the cache is kept. */
  readonly cache: Setup["cache"];
}

/** A piece of work that is done as a whole: an interrupted run goes on after the last one that was. */
export interface Trial {
  /** Says what it is, and is the same in every run with the same settings. */
  readonly id: string;
  readonly suite: SuiteName;
  readonly task: string;
  /** In tokens. */
  readonly length: number;
  /** About how many tokens it computes, for the time that is left. */
  readonly tokens: number;
  readonly setups: readonly Setup[];
  /** Whether nothing else may run beside it. */
  readonly alone?: boolean;
  /** @returns nothing where the length has no room for it */
  run(options: {
    readonly signal: AbortSignal;
    readonly onTokens: (completed: number) => void;
  }): Promise<readonly Sample[]>;
}

/** How a model is loaded for a way. */
export function setupOf({ methods, cache, target }: Plan, way: Way): readonly Setup[] {
  const method = methods.find(({ name, factor }) => name === way.name && factor === way.factor);
  if (!method) return [];
  if (method.extend !== "none") return [{ extend: method.extend, cache }];
  // Scaling that a model declares may be part of it: then no model that is loaded another way computes as it is.
  if ((target.subject.declared ?? "default") !== "default") return [{ extend: "none", cache }];
  // Any other computes without scaling: one that is loaded anyway does.
  const other = methods.find(({ extend }) => extend === "yarn") ?? methods.find(({ extend }) => extend !== "none");
  return [{ extend: other?.extend ?? "none", cache }];
}

/** SHA-256 of a text or of tokens, in hexadecimal digits. */
export async function hashOf(content: string | Uint32Array): Promise<string> {
  const bytes =
    typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content.slice().buffer);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
