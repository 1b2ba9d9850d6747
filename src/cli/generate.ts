import { Command } from "commander";
import {
  ContextLengthError,
  type GenerateOptions,
  type Generation,
  type GenerationResult,
  type Model,
  type Session,
} from "../index.ts";
import { countTokens } from "./count.ts";
import { UsageError } from "./errors.ts";
import { addModelFlags, loadFromFlags, type ModelFlags } from "./model-flags.ts";
import { checkReadable, readPipedText, readTextFile } from "./node/input.ts";
import { interruption } from "./node/interruption.ts";
import { checkSessionFile } from "./node/output.ts";
import { createProgressLine, type ProgressLine } from "./node/progress.ts";
import { goOnWithoutReader, note, print, printJson, styleError, writeAnswer } from "./node/terminal.ts";
import { addSamplingFlags, type SamplingFlags, samplingOf } from "./sampling-flags.ts";

interface GenerateFlags extends ModelFlags, SamplingFlags {
  readonly prompt?: string;
  readonly file?: string;
  readonly chat?: true;
  readonly system?: string;
  readonly save?: string;
  readonly resume?: string;
  readonly json?: true;
}

/** `skein generate`: one answer, streamed to stdout. */
export function createGenerateCommand(): Command {
  const command = new Command("generate")
    .description("Continue a text, or answer about one; the answer goes to stdout, everything else to stderr.")
    .argument("<model>", "a model's folder, GGUF file, URL, or id on the Hub")
    .option("--prompt <text>", "the text to continue")
    .option("--file <path>", "read the text from a file; without both, and without --resume, from standard input")
    .option("--chat", "take the text as a user's message and apply the model's chat template")
    .option("--system <text>", "with --chat: the system message");
  addSamplingFlags(addModelFlags(command), "to the end of the window that the text needs");
  return command
    .option("--save <file>", "save what was read, and the answer, to go on from later")
    .option(
      "--resume <file>",
      "go on from a saved session; --prompt or --file is added to it, standard input is not read",
    )
    .option("--json", "one JSON object a line: chunks, then the result")
    .addHelpText(
      "after",
      `
Examples:
  $ skein generate ./tiny-qwen2 --prompt "In the beginning" --max-tokens 40
  $ skein generate ./Qwen2-7B-Instruct --file report.txt --yarn --max-tokens 300
  $ skein generate Qwen/Qwen2-7B-Instruct --file report.txt --yarn --max-tokens 300
  $ skein generate ./Qwen2-7B-Instruct --weights q4 --cache q8 --file report.txt --yarn --max-tokens 300 --prompt-lookup
  $ skein generate ./Qwen2-7B-Instruct --file report.txt --yarn --max-tokens 0 --save report.skein
  $ skein generate ./Qwen2-7B-Instruct --resume report.skein --yarn --prompt "In short:" --max-tokens 100
  $ skein generate ./Qwen2-7B-Instruct --adapter law=./law-lora,window=65536,factor=2 --file contract.txt --max-tokens 300
  $ git diff | skein generate ./Qwen2-7B-Instruct --chat --system "Review this change." --json`,
    )
    .action((model: string, flags: GenerateFlags) => run(model, flags));
}

async function run(source: string, flags: GenerateFlags): Promise<void> {
  if (flags.resume !== undefined) await checkReadable("--resume", flags.resume, { mayBePipe: false });
  if (flags.save !== undefined) {
    await checkSessionFile("--save", flags.save);
    goOnWithoutReader();
  }
  if (flags.maxTokens === 0 && flags.save === undefined)
    throw new UsageError("--max-tokens 0 reads and answers nothing: add --save FILE to keep what was read");
  const input = await readInput(flags);
  const progress = createProgressLine();
  const model = await loadFromFlags(source, flags, progress);
  try {
    const session = await openSession(model, flags);
    const before = session?.length ?? 0;
    try {
      if (flags.maxTokens === 0 && session) await readOnly(model, session, input, flags, progress);
      else
        await answer(
          session ?? model,
          { ...samplingOf(flags), ...input, adapter: flags.adapter?.name },
          flags,
          progress,
        );
    } catch (error) {
      // An open answer that reached the end of its window was read and written all the same.
      if (error instanceof ContextLengthError && session && session.length > before) await save(session, flags);
      throw error;
    }
    if (session) await save(session, flags);
  } finally {
    progress.clear();
    await model.dispose();
  }
}

async function save(session: Session, flags: GenerateFlags): Promise<void> {
  if (flags.save === undefined) return;
  await session.save(flags.save, { signal: interruption.signal });
  note(styleError("dim", `saved ${countTokens(session.length)} to ${flags.save}`));
}

async function readInput(flags: GenerateFlags): Promise<GenerateOptions> {
  if (flags.prompt !== undefined && flags.file !== undefined)
    throw new UsageError("--prompt and --file cannot stand together");
  if (flags.system !== undefined && !flags.chat) throw new UsageError("--system goes with --chat");
  if (flags.chat && flags.resume)
    throw new UsageError("--chat cannot be added to a saved session: give the text as it shall stand there");
  const text = flags.prompt ?? (flags.file === undefined ? undefined : await readTextFile(flags.file));
  if (text === undefined && flags.resume !== undefined) return {};
  const found = text ?? (await readPipedText());
  if (found === undefined)
    throw new UsageError("there is nothing to continue: give --prompt TEXT, --file PATH, or text on standard input");
  if (found === "") throw new UsageError("the text is empty; there is nothing to continue");
  if (!flags.chat) return { prompt: found };
  const system = flags.system === undefined ? [] : [{ role: "system", content: flags.system }];
  return { messages: [...system, { role: "user", content: found }] };
}

async function openSession(model: Model, flags: GenerateFlags): Promise<Session | undefined> {
  const adapter = flags.adapter?.name;
  if (flags.resume === undefined) return flags.save === undefined ? undefined : model.createSession({ adapter });
  const session = await model.restoreSession(flags.resume, { signal: interruption.signal });
  if (session.adapter === adapter) return session;
  throw new UsageError(`--adapter ${adapter}: ${flags.resume} was saved without an adapter; leave --adapter out`);
}

async function readOnly(
  model: Model,
  session: Session,
  input: GenerateOptions,
  flags: GenerateFlags,
  progress: ProgressLine,
): Promise<void> {
  const { messages, prompt } = input;
  const tokens = messages
    ? await model.applyChatTemplate(messages, { addGenerationPrompt: false, tokenize: true })
    : prompt === undefined
      ? []
      : await model.tokenize(prompt, { continues: session.length > 0 });
  const { length: cachedTokens } = session;
  const began = performance.now();
  await session.append(tokens, { signal: interruption.signal, onProgress: showReading(progress) });
  if (!flags.json) return;
  const usage = { promptTokens: session.length, cachedTokens, completionTokens: 0, totalTokens: session.length };
  const timings = { prefillSeconds: (performance.now() - began) / 1000, decodeSeconds: 0 };
  printJson({ type: "result", text: "", tokens: [], finishReason: "length", factor: session.factor, usage, timings });
}

async function answer(
  target: Model | Session,
  options: GenerateOptions,
  flags: GenerateFlags,
  progress: ProgressLine,
): Promise<void> {
  const generation: Generation = target.generate({
    ...options,
    signal: interruption.signal,
    onProgress: showReading(progress),
  });
  let hasShown = false;
  try {
    for await (const chunk of generation) {
      if (!hasShown) progress.clear();
      hasShown = true;
      if (flags.json) printJson({ type: "chunk", ...chunk });
      else await writeAnswer(chunk.text);
    }
  } catch (error) {
    if (hasShown && !flags.json) print(); // what is said next has a line of its own
    throw error;
  }
  const result = await generation.result();
  if (flags.json) printJson({ type: "result", ...result });
  else print();
  note(styleError("dim", summarise(result)));
}

function showReading(progress: ProgressLine): NonNullable<GenerateOptions["onProgress"]> {
  return ({ phase, completed, total }) =>
    progress.update(phase === "growth" ? "Reading again at a larger factor" : "Reading", completed, total, "tokens");
}

function summarise({ usage, timings, factor, finishReason }: GenerationResult): string {
  const cached = usage.cachedTokens > 0 ? ` (${usage.cachedTokens} of them cached)` : "";
  const rate = (tokens: number, seconds: number): string =>
    seconds > 0 ? ` at ${(tokens / seconds).toFixed(1)} tokens/s` : "";
  const read = `${countTokens(usage.promptTokens)} read${cached}${rate(usage.promptTokens - usage.cachedTokens, timings.prefillSeconds)}`;
  const { guessedTokens, acceptedTokens } = usage;
  const guesses = guessedTokens === undefined ? "" : ` (${acceptedTokens} of ${guessedTokens} guesses accepted)`;
  const made = `${usage.completionTokens} generated${guesses}${rate(usage.completionTokens, timings.decodeSeconds)}`;
  return `${read}, ${made}, factor ${Number(factor.toFixed(3))}, ended by ${finishReason}`;
}
