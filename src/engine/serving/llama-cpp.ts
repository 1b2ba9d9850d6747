import type { HubAddress, ModelInspection } from "../inspection.ts";
import type { ServingPlan } from "./plan.ts";
import type { ServingStep } from "./settings.ts";
import { command, downloadFolder, localPath, quoteForShell, revisionFlag, shortName } from "./shell.ts";

/**
 * `llama-server`. Its slots end at the file's `context_length`, whatever `-c` says, unless flags give another scaling than the file's (since August 2026); so
 * that is raised where it is less.
 *
 * @see https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
 * @see https://github.com/ggml-org/llama.cpp/issues/17459, https://github.com/ggml-org/llama.cpp/pull/28030
 */
export function llamaCppSteps(plan: ServingPlan): readonly ServingStep[] {
  const { context, change, scaling } = plan;
  const scale =
    change === "scale" && scaling !== null
      ? `--rope-scaling yarn --rope-scale ${scaling.factor} --yarn-orig-ctx ${scaling.originalWindow}`
      : "";
  const beta = scale === "" ? null : (scaling?.beta ?? null);
  const text = command(
    `llama-server -m ${quoteForShell(ggufPath(plan))}`,
    `-c ${context} -np 1`,
    change === "plain" ? "--rope-scaling none" : scale,
    beta === null ? "" : `--yarn-beta-fast ${beta.fast} --yarn-beta-slow ${beta.slow}`,
    fileEndsEarly(plan) ? `--override-kv ${ggufArchitecture(plan)}.context_length=int:${context}` : "",
  );
  return [...ggufSteps(plan), { purpose: "serve", version: null, language: "shell", text }];
}

/** Whether the file's `context_length` is less than the length. */
export function fileEndsEarly({ context, inspection }: ServingPlan): boolean {
  return context > inspection.config.max_position_embeddings;
}

/** Mistral is a Llama to llama.cpp. */
export function ggufArchitecture({ inspection }: ServingPlan): string {
  const family: string = inspection.family;
  return family === "mistral" ? "llama" : family;
}

/** The GGUF file: the source, or what is made of it. */
export function ggufPath({ inspection }: ServingPlan): string {
  return inspection.format === "gguf" ? localPath(inspection) : `${shortName(inspection)}.gguf`;
}

/** What brings the model here, and makes a GGUF file of a checkpoint; nothing where the source is such a file. */
export function ggufSteps(plan: ServingPlan): readonly ServingStep[] {
  const { inspection } = plan;
  const { hub, format } = inspection;
  const step = { version: null, language: "shell" } as const;
  const convert = command(
    `python llama.cpp/convert_hf_to_gguf.py ${quoteForShell(localPath(inspection))}`,
    `--outfile ${quoteForShell(ggufPath(plan))}`,
  );
  return [
    ...(hub === null ? [] : [{ ...step, purpose: "download", text: download(hub, inspection) } as const]),
    ...(format === "gguf" ? [] : [{ ...step, purpose: "convert", text: convert } as const]),
  ];
}

function download(hub: HubAddress, inspection: ModelInspection): string {
  return command(
    `hf download ${quoteForShell(hub.repository)}`,
    ...hub.gguf.map(quoteForShell),
    revisionFlag(inspection),
    `--local-dir ${quoteForShell(downloadFolder(hub))}`,
  );
}
