import { createProgressLine } from "../src/cli/node/progress.ts";
import { note, styleError } from "../src/cli/node/terminal.ts";
import type { Measurement } from "./engine.ts";
import { type Figure, figureValue, formatValue } from "./figures.ts";
import type { TaskEvents } from "./run-task.ts";
import type { Shape } from "./shapes.ts";
import { synthesizeCheckpoint } from "./synthetic-checkpoint.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What all measurements of one command share. */
export interface MeasuringContext {
  readonly shape: Shape;
  /** The model's folder. */
  readonly checkpoint: string;
  readonly workspace: Workspace;
  readonly signal: AbortSignal;
  /** Shows on stderr what goes on. @param label - what is measured */
  readonly eventsOf: (label: string) => TaskEvents;
  /** The same for what is counted in bytes. */
  readonly onBytes: (label: string) => (completed: number, total: number) => void;
  /** Says on stderr what was measured. */
  readonly report: (engine: string, figure: Figure, measurement: Measurement) => void;
  /** Takes the line of progress away. */
  readonly clearProgress: () => void;
}

/** Opens the benchmark's folder, and writes the shape's checkpoint into it unless it is there. */
export async function createMeasuringContext(
  shape: Shape,
  folder: string,
  signal: AbortSignal,
): Promise<MeasuringContext> {
  const progress = createProgressLine();
  const told = new Set<string>();
  const onBytes: MeasuringContext["onBytes"] = (label) => (completed, total) =>
    progress.update(label, completed, total, "bytes");
  const noteNowAndThen = createSlowNotes();
  const workspace = await openWorkspace(folder);
  try {
    const checkpoint = await synthesizeCheckpoint(shape, {
      folder: workspace.checkpoints,
      signal,
      onProgress: onBytes(`Writing a checkpoint of the ${shape.name} shape`),
    });
    return {
      shape,
      checkpoint,
      workspace,
      signal,
      eventsOf: (label) => ({
        onProgress: (what, completed, total) => {
          progress.update(`${label}: ${what}`, completed, total, "tokens");
          noteNowAndThen(`${label}: ${what} ${completed} of ${total}`);
        },
        onNote: (text) => {
          if (told.has(text)) return; // every measurement loads the model, and would say it again
          told.add(text);
          progress.clear();
          note(`${styleError("yellow", "note:")} ${text}`);
        },
      }),
      onBytes,
      report: (engine, figure, measurement) => {
        progress.clear();
        note(
          styleError(
            "dim",
            `${engine} ${figure.name}: ${formatValue(figure, figureValue(figure, measurement))} ${figure.unit}${describeUsage(measurement)}`,
          ),
        );
      },
      clearProgress: () => progress.clear(),
    };
  } finally {
    progress.clear();
  }
}

/** Where there is no line of progress a minute leaves one behind, so that what an hour went by with can be read afterwards. */
function createSlowNotes(): (text: string) => void {
  let last = performance.now();
  return (text) => {
    if (process.stderr.isTTY || performance.now() - last < 60_000) return;
    last = performance.now();
    note(styleError("dim", text));
  };
}

function describeUsage({ usage }: Measurement): string {
  if (!usage) return "";
  const { processors, stolen } = usage;
  const lost = stolen === undefined ? "" : `, ${stolen.toFixed(2)} taken by other machines`;
  return ` (processors: ${processors.toFixed(2)} busy${lost})`;
}
