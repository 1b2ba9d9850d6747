import { checkOption, InvalidOptionError, show, UnsupportedError } from "../../errors.ts";
import type { ModelInspection } from "../inspection.ts";
import { servingCache } from "./cache.ts";
import { llamaCppSteps } from "./llama-cpp.ts";
import { servingNotes } from "./notes.ts";
import { ollamaSteps } from "./ollama.ts";
import { planServing, type ServingPlan } from "./plan.ts";
import {
  type ServingEngine,
  type ServingOptions,
  type ServingScaling,
  type ServingSettings,
  type ServingStep,
  servingEngines,
} from "./settings.ts";
import { sglangSteps } from "./sglang.ts";
import { transformersSteps } from "./transformers.ts";
import { vllmSteps } from "./vllm.ts";

const stepsOf: Readonly<Record<ServingEngine, (plan: ServingPlan) => readonly ServingStep[]>> = {
  vllm: vllmSteps,
  sglang: sglangSteps,
  "llama.cpp": llamaCppSteps,
  transformers: transformersSteps,
  ollama: ollamaSteps,
};

/** What `servingSettings` does; apart from it, because most programs never ask for it. */
export function writeSettings(inspection: ModelInspection, options: ServingOptions): ServingSettings {
  if (typeof inspection?.context?.nativeWindow !== "number")
    throw new InvalidOptionError("inspection", "must be what inspectModel says of a model");
  checkOption("options", options ?? null, typeof options === "object" && options !== null, "an object");
  const { engine, context = inspection.context.nativeWindow } = options;
  if (!servingEngines.includes(engine)) {
    throw new InvalidOptionError("engine", `must be one of ${servingEngines.join(", ")}, not ${show(engine)}`);
  }
  if (!(Number.isSafeInteger(context) && context >= 1)) {
    throw new InvalidOptionError("context", `must be a number of tokens, at least 1, not ${show(context)}`);
  }
  const plan = planServing(inspection, context);
  const scaling = plan.scaling && scalingOf(plan.scaling, plan, engine);
  return {
    engine,
    model: inspection.name,
    context,
    window: plan.window,
    scaling,
    steps: stepsOf[engine](plan),
    notes: servingNotes(plan, engine),
    cache: servingCache(plan, engine),
  };
}

/** The methods whose frequencies depend on the length of the sequence. */
const lengthwise = ["dynamic", "longrope"];

/** @throws UnsupportedError where the engine would run without the scaling */
function scalingOf(scaling: ServingScaling, plan: ServingPlan, engine: ServingEngine): ServingScaling {
  const isGguf = engine === "llama.cpp" || engine === "ollama";
  if (isGguf && scaling.method === "dynamic" && plan.window === "extended") {
    throw new UnsupportedError(
      `${engine} has no dynamic NTK scaling: past ${plan.inspection.context.nativeWindow} tokens it would run this model unscaled; use transformers, vLLM or SGLang`,
    );
  }
  return { ...scaling, isStatic: engine !== "transformers" || !lengthwise.includes(scaling.method) };
}
