import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError unless the text is a whole number from 0 */
export function parseWhole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

export function parseNumber(text: string): number {
  if (text.trim() === "" || !Number.isFinite(Number(text))) throw new InvalidArgumentError("It must be a number.");
  return Number(text);
}

export function parseFactor(text: string): number {
  const factor = parseNumber(text);
  if (factor < 1) throw new InvalidArgumentError("It must be a number from 1.");
  return factor;
}

export function parseSteps(text: string): readonly number[] | "continuous" {
  return text === "continuous" ? text : text.split(",").map(parseFactor);
}

/** For flags that may be given several times. */
export function collectTexts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
