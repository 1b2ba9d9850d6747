import { readFile, writeFile } from "node:fs/promises";
import { type Figure, figureValue, parseFigure } from "../figures.ts";
import type { MeasuringContext } from "../measuring-context.ts";
import { createLlamaRunner } from "./llama-runner.ts";
import { nameOf, type PeerSetting, peerSettings } from "./peer-setting.ts";

/** What was measured of one setting. */
interface Trial {
  readonly setting: PeerSetting;
  /** Tokens a second, reading 4096 tokens and answering behind them. */
  readonly prefill: number;
  readonly decode: number;
}

interface Choice {
  readonly version: string;
  readonly trials: readonly Trial[];
}

const length = 4096;
/** Tokens of the answer that settings are judged by. */
const answerTokens = 128;

/**
 * The setting with which llama.cpp is fastest at reading 4096 tokens and answering in 128. Measured once for a shape, a version of the peer and a number
 * of threads, and remembered in the benchmark's folder.
 */
export async function chooseSetting(
  model: string,
  options: { readonly threads: number; readonly version: string },
  context: MeasuringContext,
): Promise<PeerSetting> {
  const path = context.workspace.peerSetting(context.shape.name, options.threads);
  const choice = (await readChoice(path, options.version)) ?? {
    version: options.version,
    trials: await tryAll(model, options, context),
  };
  await writeFile(path, JSON.stringify(choice, null, 2));
  return choice.trials.reduce((best, trial) => (secondsOf(trial) < secondsOf(best) ? trial : best)).setting;
}

async function tryAll(
  model: string,
  { threads, version }: { readonly threads: number; readonly version: string },
  context: MeasuringContext,
): Promise<Trial[]> {
  const reading = parseFigure(`prefill@${length}`, context.shape);
  const answering = parseFigure(`decode@${length}`, context.shape);
  const trials: Trial[] = [];
  for (const setting of peerSettings) {
    const runner = createLlamaRunner(model, { setting, threads, version }, context);
    const measure = async (figure: Figure): Promise<number> => {
      const measurement = await runner.measure(figure);
      context.report(`llama.cpp (${nameOf(setting)})`, figure, measurement);
      return figureValue(figure, measurement);
    };
    trials.push({ setting, prefill: await measure(reading), decode: await measure(answering) });
  }
  return trials;
}

function secondsOf({ prefill, decode }: Trial): number {
  return length / prefill + answerTokens / decode;
}

async function readChoice(path: string, version: string): Promise<Choice | undefined> {
  try {
    const choice = JSON.parse(await readFile(path, "utf8")) as Choice;
    return choice.version === version ? choice : undefined;
  } catch {
    return undefined; // not there, or half written
  }
}
