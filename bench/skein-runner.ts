import { mkdir, rm } from "node:fs/promises";
import { measureInChild } from "./child.ts";
import type { Depth, Measurement, Task } from "./engine.ts";
import { type GrowthPlan, roomFor } from "./figures.ts";
import type { MeasuringContext } from "./measuring-context.ts";
import { answerRoom } from "./run-task.ts";
import { createRunner, type Runner } from "./runner.ts";
import type { SkeinOptions } from "./skein-engine.ts";
import { textPath, type Workspace } from "./workspace.ts";

export type SkeinSettings = Pick<SkeinOptions, "weights" | "cache" | "backend" | "threads" | "extend">;

const script = new URL("./skein-child.ts", import.meta.url);

/** Measures Skein. */
export interface SkeinRunner extends Runner {
  /** What it costs to read one text ever further, and to answer there. */
  grow(plan: GrowthPlan): Promise<Measurement & { readonly growth: readonly Depth[] }>;
}

/** @returns variables of the environment: repacked weights are kept in the benchmark's folder */
export function weightCacheOf({ cache }: Workspace): Readonly<Record<string, string>> {
  return { SKEIN_CACHE: cache, SKEIN_CACHE_LIMIT: "100GB" };
}

export function createSkeinRunner(settings: SkeinSettings, context: MeasuringContext): SkeinRunner {
  const { shape, checkpoint, workspace, signal, eventsOf } = context;
  const { weights, cache, backend } = settings;
  const run = (task: Task, room: number, label: string): Promise<Measurement> => {
    const options: SkeinOptions = { model: checkpoint, room, ...settings };
    const environment = weightCacheOf(workspace);
    return measureInChild(script, { options, task }, { signal, environment, ...eventsOf(label) });
  };
  const pathOf = (length: number): string =>
    textPath(workspace, ["skein", shape.name, backend, weights, cache], length);
  return {
    ...createRunner({
      name: "Skein",
      shape,
      run: (task, figure) => run(task, roomFor(figure, shape), `Skein ${figure.name}`),
      pathOf,
      forget: async () => {
        await rm(workspace.cache, { recursive: true, force: true });
        await mkdir(workspace.cache);
      },
    }),
    grow: async ({ lengths, room }) => {
      await run({ kind: "load" }, room, "Skein: loading"); // keeps the repacked weights
      const length = room - answerRoom;
      const task: Task = { kind: "growth", lengths, save: { length, path: pathOf(length) } };
      const measurement = await run(task, room, "Skein");
      if (!measurement.growth) throw new Error("the measuring process sent no growth");
      return { ...measurement, growth: measurement.growth };
    },
  };
}
