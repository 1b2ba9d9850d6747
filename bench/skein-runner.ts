import { mkdir, rm } from "node:fs/promises";
import { measureInChild } from "./child.ts";
import { roomFor } from "./figures.ts";
import type { MeasuringContext } from "./measuring-context.ts";
import { createRunner, type Runner } from "./runner.ts";
import type { SkeinOptions } from "./skein-engine.ts";
import { textPath } from "./workspace.ts";

export type SkeinSettings = Pick<SkeinOptions, "weights" | "cache" | "backend" | "threads">;

const script = new URL("./skein-child.ts", import.meta.url);

export function createSkeinRunner(settings: SkeinSettings, context: MeasuringContext): Runner {
  const { shape, checkpoint, workspace, signal, eventsOf } = context;
  const { weights, cache, backend } = settings;
  return createRunner({
    name: "Skein",
    shape,
    run: (task, figure) => {
      const options: SkeinOptions = { model: checkpoint, room: roomFor(figure, shape), ...settings };
      const environment = { SKEIN_CACHE: workspace.cache, SKEIN_CACHE_LIMIT: "100GB" };
      return measureInChild(script, { options, task }, { signal, environment, ...eventsOf(`Skein ${figure.name}`) });
    },
    pathOf: (length) => textPath(workspace, ["skein", shape.name, backend, weights, cache], length),
    forget: async () => {
      await rm(workspace.cache, { recursive: true, force: true });
      await mkdir(workspace.cache);
    },
  });
}
