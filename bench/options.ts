import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { parseWhole } from "../src/cli/parse.ts";
import { measuredShapes, type Shape, shapes } from "./shapes.ts";

/** Where checkpoints, saved texts and results are kept: outside the repository. */
export const defaultFolder: string = join(tmpdir(), "skein-bench");

export const defaultThreads: number = availableParallelism();

/** @throws InvalidArgumentError unless the text names a shape */
export function parseShape(text: string): Shape {
  const shape = Object.values(shapes).find(({ name }) => name === text);
  if (!shape) throw new InvalidArgumentError(`It must be one of ${measuredShapes.join(", ")}.`);
  return shape;
}

/** @throws InvalidArgumentError unless the text is whole numbers from 1, as 128,4096 */
export function parseLengths(text: string): readonly number[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map(parseCount);
}

/** @throws InvalidArgumentError unless the text is a whole number from 1 */
export function parseCount(text: string): number {
  const count = parseWhole(text);
  if (count < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return count;
}
