import type { Measurement, Task } from "./engine.ts";
import { type Figure, taskOf } from "./figures.ts";
import type { Shape } from "./shapes.ts";

/** Measures figures of one engine, each in a process of its own. */
export interface Runner {
  readonly name: string;
  measure(figure: Figure): Promise<Measurement>;
}

export interface RunnerParts {
  readonly name: string;
  readonly shape: Shape;
  /** Runs one task in a process of its own. */
  readonly run: (task: Task, figure: Figure) => Promise<Measurement>;
  /** Where a text of this length is kept once it was read. */
  readonly pathOf: (length: number) => string;
  /** Forgets what the engine keeps between two starts. */
  readonly forget: () => Promise<void>;
}

/** A first start finds nothing kept; a second start follows another one. */
export function createRunner({ name, shape, run, pathOf, forget }: RunnerParts): Runner {
  let hasStarted = false;
  return {
    name,
    measure: async (figure) => {
      if (figure.name === "load@first") await forget();
      if (figure.name === "load@second" && !hasStarted) await run({ kind: "load" }, figure);
      const measurement = await run(taskOf(figure, shape, pathOf), figure);
      hasStarted = true;
      return measurement;
    },
  };
}
