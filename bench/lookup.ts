import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { type LoadOptions, loadModel, type Session } from "../src/index.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "./command.ts";
import { describeMachine } from "./machine.ts";
import { createMeasuringContext } from "./measuring-context.ts";
import { randomTokens } from "./random-tokens.ts";
import { weightCacheOf } from "./skein-runner.ts";
import { median } from "./statistics.ts";

interface Flags extends CommonFlags, SkeinFlags {
  readonly runs: number;
}

const promptTokens = 512;
const answerTokens = 96;

const command = addSkeinFlags(
  createBenchCommand("npm run bench:lookup --", {
    description:
      "Compare answers with prompt lookup and without, in turns. Random weights repeat themselves, so that nearly all guesses are right: what is measured is the most that it saves.",
    runs: 5,
  }),
)
  .addHelpText(
    "after",
    `
The ratio is that of the times, with / without.

Examples:
  $ npm run bench:lookup
  $ npm run bench:lookup -- --shape 7b --runs 3 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, weights, cache, backend, threads, runs, folder, json }: Flags): Promise<void> {
  const { signal } = interruption;
  const context = await createMeasuringContext(shape, folder, signal);
  try {
    const { onProgress, onNote } = context.eventsOf("Prompt lookup and not, in turns");
    Object.assign(process.env, weightCacheOf(context.workspace));
    const names = { weights, cache, backend } as LoadOptions; // those that are not known are refused
    await using model = await loadModel(context.checkpoint, {
      ...names,
      threads,
      signal,
      onWarning: ({ message }) => onNote(message),
    });
    await using session = await model.createSession({ plannedTokens: promptTokens + answerTokens + 1 });
    await session.append(randomTokens(promptTokens, model.config.vocab_size), { signal });
    const answers: Answer[][] = [[], []];
    for (let turn = -1; turn < runs; turn++) {
      for (const which of turn % 2 === 0 ? [0, 1] : [1, 0]) {
        const found = await answer(session, which === 1, signal);
        if (turn >= 0) answers[which]!.push(found); // before that the code gets warm
      }
      onProgress("Turns", Math.max(0, turn + 1), runs);
    }
    context.clearProgress();
    const [without, with_] = answers as [Answer[], Answer[]];
    if (without.some(({ text }, i) => text !== with_[i]!.text)) throw new Error("the answers differ");
    const { guessed, accepted } = with_[0]!;
    const row = {
      without: median(without.map(({ milliseconds }) => milliseconds)),
      with: median(with_.map(({ milliseconds }) => milliseconds)),
      ratio: median(with_.map(({ milliseconds }, i) => milliseconds / without[i]!.milliseconds)),
      tokens: answerTokens,
      guessed,
      accepted,
    };
    if (json) {
      const settings = { shape: shape.name, weights, cache, backend, threads, runs };
      printJson({ ...settings, machine: describeMachine(), ...row });
      return;
    }
    const head = ["tokens", "without", "with", "ratio", "guessed", "accepted"].map((title) => style("dim", title));
    const line = [`${answerTokens}`, `${row.without.toFixed(0)} ms`, `${row.with.toFixed(0)} ms`, row.ratio.toFixed(2)];
    print(table([head, [...line, `${guessed}`, `${accepted}`]], "rrrrrr"));
  } finally {
    context.clearProgress();
  }
}

interface Answer {
  readonly milliseconds: number;
  /** Its tokens, with commas between. */
  readonly text: string;
  readonly guessed: number;
  readonly accepted: number;
}

/** Answers, and takes the answer back. */
async function answer(session: Session, promptLookup: boolean, signal: AbortSignal): Promise<Answer> {
  const { length } = session;
  const began = performance.now();
  const generation = session.generate({
    tokens: [0],
    maxTokens: answerTokens,
    temperature: 0,
    endTokens: [],
    promptLookup,
    signal,
  });
  const { tokens, usage } = await generation.result();
  const milliseconds = performance.now() - began;
  await session.truncate(length);
  return { milliseconds, text: tokens.join(), guessed: usage.guessedTokens ?? 0, accepted: usage.acceptedTokens ?? 0 };
}
