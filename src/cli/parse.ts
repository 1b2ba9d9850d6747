import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError unless the text is a whole number from 0 */
export function parseWhole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 0.");
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
  if (text === "continuous") return text;
  const steps = text.split(",").map((step) => (step.trim() === "" ? Number.NaN : Number(step)));
  if (!steps.every((step) => step >= 1 && Number.isFinite(step)))
    throw new InvalidArgumentError("It must be numbers from 1, as 1,2,4, or continuous.");
  return steps;
}

/** `--adapter`: a name, a path, and at which length the adapter was tuned. */
export interface AdapterFlag {
  readonly name: string;
  readonly source: string;
  readonly window: number | undefined;
  readonly factor: number | undefined;
}

/** `NAME=PATH[,window=N][,factor=N]`; a path may have commas and equal signs. */
function parseAdapter(text: string): AdapterFlag {
  const found = /^([^=,]+)=(.+?)((?:,(?:window|factor)=[^,]*)*)$/.exec(text);
  if (!found) throw new InvalidArgumentError("It must be NAME=PATH, as law=./law-lora,window=65536,factor=2.");
  const [, name = "", source = "", fields = ""] = found;
  const given = fields
    .split(",")
    .slice(1)
    .map((field) => field.split("=") as [string, string]);
  const tuning = new Map(given);
  if (tuning.size < given.length) throw new InvalidArgumentError("It says window or factor twice.");
  const [window, factor] = [tuning.get("window"), tuning.get("factor")];
  return {
    name,
    source,
    window: window === undefined ? undefined : parseWhole(window),
    factor: factor === undefined ? undefined : parseFactor(factor),
  };
}

/** Of a flag that chooses the one adapter of a command. */
export function parseOnlyAdapter(text: string, before?: AdapterFlag): AdapterFlag {
  if (before) throw new InvalidArgumentError(`It can be given once, and names ${JSON.stringify(before.name)} already.`);
  return parseAdapter(text);
}

/** Adapters of a flag that may be given several times. */
export function collectAdapters(text: string, before: readonly AdapterFlag[] = []): readonly AdapterFlag[] {
  const adapter = parseAdapter(text);
  if (before.some(({ name }) => name === adapter.name))
    throw new InvalidArgumentError(`There are two adapters of the name ${JSON.stringify(adapter.name)}.`);
  return [...before, adapter];
}

/** For flags that may be given several times. */
export function collectTexts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
