import { InvalidOptionError } from "../errors.ts";
import {
  type RotaryConfig,
  type RotaryMethod,
  type RotaryParameters,
  readRotaryParameters,
} from "../position/index.ts";
import { type ContextOptions, type Growth, readContextOptions, type Schedule } from "./options.ts";
import { stretchedWindow } from "./stretched-window.ts";
import { type Tuning, tune } from "./tuning.ts";

/**
 * What gives a sequence its encoding: `none` the plain one at every length, `trained` the one that the model was trained with and its
 * configuration declares, the others plain up to the native window and stretched past it.
 */
export type ContextMethod = "none" | "trained" | "yarn" | "linear" | "ntk";

/** A model's context window as the user enabled it: everything that planning needs. */
export interface ContextSettings {
  readonly method: ContextMethod;
  /** Tokens usable with no extension. */
  readonly nativeWindow: number;
  /** The window that factors refer to. */
  readonly originalWindow: number;
  /** Tokens usable at the largest factor. */
  readonly extendedWindow: number;
  /** The factor of every sequence that fits the native window: 1, or the one that an adapter was tuned with. */
  readonly minimumFactor: number;
  /** The largest factor that the user enabled; 1 = none. */
  readonly maximumFactor: number;
  readonly schedule: Schedule;
  /** Ascending, beginning with the least and ending with the largest factor; or any factor. */
  readonly steps: readonly number[] | "continuous";
  readonly growth: Growth;
  readonly allowBeyondWindow: boolean;
  /** What the configuration declares. */
  readonly declared: RotaryMethod;
  /** Whether the model was trained with a scaling that takes no other factor, and no other method on top. */
  readonly hasFixedScaling: boolean;
  /** The name of the adapter whose windows these are, where it has its own. */
  readonly adapter?: string;
  /** The native window that the options gave in place of the configuration's. */
  readonly givenWindow?: number | undefined;
}

/** The part of a model configuration that context planning reads. */
export interface ContextConfig extends RotaryConfig {
  readonly model_type: string;
  /** Tells a base model from one that was tuned; no window depends on it. */
  readonly eos_token_id?: number | readonly number[] | null | undefined;
}

const defaultFactor = 4;
const defaultSteps = [1, 2, 4];

/**
 * Decides windows, largest factor and schedule from what a configuration declares and a user enables. The rules are those of
 * docs/decisions/0002-windows-and-schedules.md.
 *
 * @param tuning - of the adapter that sequences have
 * @throws InvalidConfigError for a scaling block that cannot be followed
 * @throws InvalidOptionError for options that cannot be followed, or contradict the configuration or the adapter
 *
 * @example
 * resolveContext(qwen2Instruct, { extend: "yarn" }).extendedWindow // 131072
 */
export function resolveContext(config: ContextConfig, options: ContextOptions = {}, tuning?: Tuning): ContextSettings {
  const settings = resolveBase(config, readContextOptions(options));
  return tuning ? tune(settings, tuning) : settings;
}

function resolveBase(config: ContextConfig, options: ContextOptions): ContextSettings {
  const parameters = readRotaryParameters(config);
  const trained = isTrained(config, parameters);
  const nativeWindow = options.nativeWindow ?? declaredNativeWindow(config, parameters);
  const facts = {
    nativeWindow,
    originalWindow: chooseOriginalWindow(config, parameters, nativeWindow),
    minimumFactor: 1,
    growth: options.growth ?? "recompute",
    allowBeyondWindow: options.allowBeyondWindow ?? false,
    declared: parameters.method,
    hasFixedScaling: trained && parameters.method !== "dynamic",
    givenWindow: options.nativeWindow,
  };
  const isOwn = trained && isDeclaredYarn(options, parameters);
  const extend = isOwn ? "declared" : (options.extend ?? "declared");
  if (extend === "declared" && parameters.declared) {
    const isStretched = !trained || (options.schedule === "dynamic" && ["yarn", "linear"].includes(parameters.method));
    if (!isStretched) return followTrained(options, parameters, facts);
    return stretch(parameters.method === "linear" ? "linear" : "yarn", options, parameters, facts);
  }
  if (extend === "none" || extend === "declared") {
    if ((options.factor ?? 1) !== 1) {
      throw new InvalidOptionError("context.factor", `${options.factor} needs an extension: add extend: "yarn"`);
    }
    const maximumFactor = trained ? declaredFactor(parameters) : 1;
    const schedule = options.schedule ?? "static";
    const native = { extendedWindow: nativeWindow, maximumFactor, steps: [maximumFactor], schedule };
    return { ...facts, ...native, method: trained ? "trained" : "none" };
  }
  if (facts.hasFixedScaling) {
    const reason = `${extend} cannot be put on ${parameters.method} scaling, which this model was trained with (factor ${declaredFactor(parameters)})`;
    throw new InvalidOptionError("context.extend", reason);
  }
  return stretch(extend, options, parameters, facts);
}

/** @returns the tokens that fit at a factor */
export function windowAt(settings: ContextSettings, factor: number): number {
  // The short factors of longrope end at the original window, wherever the native one ends, and whichever factor the block names.
  if (settings.declared === "longrope" && factor === 1) return Math.min(settings.originalWindow, settings.nativeWindow);
  if (factor >= settings.maximumFactor) return settings.extendedWindow;
  return factor <= settings.minimumFactor ? settings.nativeWindow : stretchedWindow(factor, settings);
}

/** A Qwen model meets YaRN at inference; whatever else a configuration declares, the model was trained with. */
export function isTrained(config: ContextConfig, parameters: RotaryParameters): boolean {
  if (!parameters.declared) return false;
  return !(isQwen(config) && parameters.method === "yarn" && !hasOwnAttention(parameters));
}

type Facts = Pick<
  ContextSettings,
  | "nativeWindow"
  | "originalWindow"
  | "minimumFactor"
  | "growth"
  | "allowBeyondWindow"
  | "declared"
  | "hasFixedScaling"
  | "givenWindow"
>;

/** Whether the options ask for YaRN, and mean the block that is there. */
function isDeclaredYarn({ extend, factor }: ContextOptions, parameters: RotaryParameters): boolean {
  const declared = declaredFactor(parameters);
  return extend === "yarn" && parameters.method === "yarn" && (factor ?? declared) === declared;
}

function followTrained(options: ContextOptions, parameters: RotaryParameters, facts: Facts): ContextSettings {
  const maximumFactor = declaredFactor(parameters);
  if (options.factor !== undefined && options.factor !== maximumFactor) {
    const reason = `the model was trained with ${parameters.method} scaling of factor ${maximumFactor}, which cannot be changed`;
    throw new InvalidOptionError("context.factor", reason);
  }
  if (options.schedule === "dynamic" && parameters.method === "llama3") {
    throw new InvalidOptionError("context.schedule", "llama3 scaling applies at every length; it has no dynamic form");
  }
  // These declare the window that they start from; the other blocks come with the final one.
  const { method, originalWindow } = parameters;
  const reachesFurther =
    method === "yarn" || method === "dynamic" || (method === "longrope" && originalWindow === undefined);
  const extendedWindow = reachesFurther ? stretchedWindow(maximumFactor, facts) : facts.nativeWindow;
  return { ...facts, method: "trained", maximumFactor, extendedWindow, schedule: "static", steps: [maximumFactor] };
}

function stretch(
  method: "yarn" | "linear" | "ntk",
  options: ContextOptions,
  parameters: RotaryParameters,
  facts: Facts,
): ContextSettings {
  const declared = ["yarn", "linear"].includes(parameters.method) ? declaredFactor(parameters) : undefined;
  if (options.extend !== method && options.factor !== undefined && options.factor > (declared ?? 1)) {
    const reason = `${options.factor} is above the declared ${declared}; add extend: "yarn" to exceed it`;
    throw new InvalidOptionError("context.factor", reason);
  }
  const maximumFactor = options.factor ?? declared ?? defaultFactor;
  return {
    ...facts,
    method,
    maximumFactor,
    extendedWindow: stretchedWindow(maximumFactor, facts),
    schedule: options.schedule ?? "dynamic",
    steps: cutSteps(options.steps, maximumFactor),
  };
}

function declaredNativeWindow(config: ContextConfig, parameters: RotaryParameters): number {
  const { method, originalWindow, maxPositionEmbeddings } = parameters;
  return isQwen(config) && method === "yarn" ? (originalWindow ?? maxPositionEmbeddings) : maxPositionEmbeddings;
}

function chooseOriginalWindow(config: ContextConfig, parameters: RotaryParameters, nativeWindow: number): number {
  if (parameters.declared && parameters.originalWindow !== undefined) return parameters.originalWindow;
  // Qwen3 publishes 40960 = 32768 + 8192 for the answer; its YaRN refers to 32768.
  return config.model_type === "qwen3" && nativeWindow === 40960 && !parameters.declared ? 32768 : nativeWindow;
}

function declaredFactor(parameters: RotaryParameters): number {
  return Math.max(1, parameters.factor ?? 1);
}

function hasOwnAttention({ attentionFactor, hasAttnFactor }: RotaryParameters): boolean {
  return attentionFactor !== undefined || hasAttnFactor;
}

function isQwen(config: ContextConfig): boolean {
  return /^qwen[23]/.test(config.model_type);
}

function cutSteps(steps: ContextOptions["steps"], maximumFactor: number): readonly number[] | "continuous" {
  if (steps === "continuous") return steps;
  const cut = [1, ...(steps ?? defaultSteps), maximumFactor].filter((step) => step <= maximumFactor);
  return [...new Set(cut)].sort((a, b) => a - b);
}
