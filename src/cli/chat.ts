import { Command } from "commander";
import { type ChatMessage, type ContextSettings, type Model, type Session, SkeinError } from "../index.ts";
import { countTokens } from "./count.ts";
import { describeError, UsageError } from "./errors.ts";
import { quoteForShell } from "./inspect-facts.ts";
import { addModelFlags, loadFromFlags, type ModelFlags, windowsOf } from "./model-flags.ts";
import { interruption } from "./node/interruption.ts";
import { createLineReader } from "./node/lines.ts";
import { checkSessionFile, inHome } from "./node/output.ts";
import { createProgressLine, type ProgressLine } from "./node/progress.ts";
import { isInteractive, note, print, printJson, style, styleError, writeAnswer } from "./node/terminal.ts";
import { addSamplingFlags, type SamplingFlags, samplingOf } from "./sampling-flags.ts";
import { describeWindow } from "./window-gauge.ts";

interface ChatFlags extends ModelFlags, SamplingFlags {
  readonly system?: string;
  readonly json?: true;
}

/** Tokens that an answer is planned for where nothing else is said; an eighth of the window where that is less. */
const longestOrdinaryAnswer = 1024;

const help = `/help          this
/window        how much of the window is in use
/reset         forget the conversation
/save FILE     save the session, for: skein generate MODEL --resume FILE
/exit          leave (Ctrl-D does, too)
Ctrl-C         stop an answer; at the prompt: leave`;

/** `skein chat`: a conversation that keeps its cache from turn to turn. */
export function createChatCommand(): Command {
  const command = new Command("chat")
    .description("Hold a conversation; the cache is kept from turn to turn.")
    .argument("<model>", "the folder, GGUF file, URL or Hub id of a model with a chat template")
    .option("--system <text>", "the system message");
  addSamplingFlags(addModelFlags(command), `an eighth of the native window, ${longestOrdinaryAnswer} at most`);
  return command
    .option(
      "--json",
      "one JSON object a turn; messages come from standard input, one a line that is not blank, and are no commands",
    )
    .addHelpText(
      "after",
      `
Examples:
  $ skein chat ./Qwen2-7B-Instruct --yarn
  $ skein chat Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M
  $ skein chat ./Qwen2-7B-Instruct --weights q4 --cache q8 --threads 4
  $ skein chat ./Qwen2-7B-Instruct --adapter law=./law-lora
  $ skein chat ./Qwen2-7B-Instruct --system "Answer in one sentence." --temperature 0
  $ printf 'Hello\\nWhat did I say?\\n' | skein chat ./Qwen2-7B-Instruct --json

In the conversation:
${help.replaceAll(/^/gm, "  ")}`,
    )
    .action((model: string, flags: ChatFlags) => run(model, flags));
}

async function run(source: string, flags: ChatFlags): Promise<void> {
  if (flags.maxTokens === 0) throw new UsageError("--max-tokens must be from 1");
  const progress = createProgressLine();
  const model = await loadFromFlags(source, flags, progress);
  try {
    await checkTemplate(model, source);
    interruption.signal.throwIfAborted();
    await new Conversation(model, await model.createSession({ adapter: flags.adapter?.name }), flags, progress).hold();
  } finally {
    progress.clear();
    await model.dispose();
  }
}

/** Without a chat template there is no conversation: better said now than after the first message. */
async function checkTemplate(model: Model, source: string): Promise<void> {
  try {
    await model.applyChatTemplate([{ role: "user", content: "" }]);
  } catch (error) {
    if (!(error instanceof SkeinError && error.code === "no_chat_template")) throw error;
    const command = `skein generate ${quoteForShell(source)} --prompt TEXT`;
    const message = error.message.replace("pass the text as prompt", () => `to continue a text with it: ${command}`);
    throw new SkeinError(error.code, message, { cause: error });
  }
}

class Conversation {
  readonly #model: Model;
  readonly #session: Session;
  readonly #flags: ChatFlags;
  readonly #progress: ProgressLine;
  readonly #windows: ContextSettings;
  /** Somebody types the messages, and can go on after an answer that was stopped, wherever the answers are written to. */
  readonly #isTyped: boolean;
  /** The same, and sees the answers. */
  readonly #isPerson: boolean;
  #messages: ChatMessage[];

  constructor(model: Model, session: Session, flags: ChatFlags, progress: ProgressLine) {
    this.#model = model;
    this.#session = session;
    this.#flags = flags;
    this.#progress = progress;
    this.#windows = windowsOf(model, flags);
    this.#isTyped = process.stdin.isTTY === true && !flags.json;
    this.#isPerson = isInteractive() && !flags.json;
    this.#messages = this.#beginning();
  }

  async hold(): Promise<void> {
    if (this.#isPerson)
      note(styleError("dim", `${describeWindow(this.#windows, this.#session)}\n/help for what you can do here`));
    const lines = createLineReader(this.#isPerson ? style("cyan", "> ") : "");
    try {
      for (;;) {
        const line = await lines.next();
        if (line === undefined) break;
        if (line.trim() === "") continue;
        // A program's messages are nobody's commands, whatever they begin with.
        const command = this.#flags.json ? "" : line.trim();
        if (command === "/exit") break;
        if (command !== "" && line.startsWith("/")) await this.#command(command);
        else await this.#turn(line);
      }
    } finally {
      lines.close(); // else input that stays open keeps the process alive
    }
    if (this.#isPerson) print(); // the prompt is still on the line
    interruption.signal.throwIfAborted();
  }

  async #command(line: string): Promise<void> {
    const [name = ""] = line.split(/\s/, 1);
    switch (name) {
      case "/help":
        return note(help);
      case "/window":
        return note(describeWindow(this.#windows, this.#session));
      case "/reset":
        this.#messages = this.#beginning();
        await this.#session.truncate(0);
        return note(styleError("dim", "the conversation begins anew"));
      case "/save":
        return this.#save(inHome(line.slice(name.length).trim()));
      default:
        return note(`${name} is not known; /help lists what is`);
    }
  }

  async #save(path: string): Promise<void> {
    if (path === "") return note("/save needs the name of a file");
    try {
      await checkSessionFile("/save", path);
      await this.#session.save(path, { signal: interruption.signal });
      note(styleError("dim", `saved ${countTokens(this.#session.length)} to ${path}`));
    } catch (error) {
      note(describeError(error));
    }
  }

  /** One message and its answer. An answer that fails or is stopped leaves the conversation as it was before the message. */
  async #turn(content: string): Promise<void> {
    const messages = [...this.#messages, { role: "user", content }];
    const stop = new AbortController();
    // Where nobody can go on, Ctrl-C ends the command, and not one answer.
    if (this.#isTyped) {
      interruption.handle(() => {
        stop.abort(new DOMException("stopped", "AbortError"));
        return true;
      });
    }
    const { factor: before, length } = this.#session;
    let text = "";
    try {
      const maxTokens = this.#flags.maxTokens ?? (await this.#roomFor(messages));
      const generation = this.#session.generate({
        ...samplingOf(this.#flags),
        maxTokens,
        messages,
        signal: AbortSignal.any([stop.signal, interruption.signal]),
        onProgress: ({ phase, completed, total }) =>
          this.#progress.update(
            phase === "growth" ? "The window grows: reading again" : "Reading",
            completed,
            total,
            "tokens",
          ),
      });
      let reason: string | undefined;
      for await (const chunk of generation) {
        reason = chunk.finishReason;
        this.#progress.clear();
        if (text === "" && chunk.factor !== before) this.#sayGrowth(before, chunk.factor, length);
        text += chunk.text;
        if (!this.#flags.json) await writeAnswer(chunk.text);
      }
      this.#messages = [...messages, { role: "assistant", content: text }];
      if (this.#flags.json) printJson({ role: "assistant", content: text, ...(await summary(generation)) });
      else {
        print();
        if (reason === "length")
          note(styleError("dim", `(the answer was cut off at ${countTokens(maxTokens)}; --max-tokens sets more)`));
        note(styleError("dim", describeWindow(this.#windows, this.#session)));
      }
    } catch (error) {
      this.#progress.clear();
      if (!this.#flags.json && text !== "") print();
      if (!stop.signal.aborted && (interruption.signal.aborted || !this.#isPerson)) throw error;
      if (stop.signal.aborted) await this.#session.truncate(Math.min(length, this.#session.length));
      note(
        stop.signal.aborted
          ? styleError("dim", "stopped; the conversation is as it was before this message")
          : describeError(error),
      );
    } finally {
      interruption.handle(undefined);
    }
  }

  /** A conversation is planned turn by turn: for its text and an answer of ordinary length, or what is left of the window. */
  async #roomFor(messages: readonly ChatMessage[]): Promise<number> {
    const { nativeWindow, extendedWindow } = this.#windows;
    const ordinary = Math.max(1, Math.min(longestOrdinaryAnswer, Math.floor(nativeWindow / 8)));
    const tokens = await this.#model.applyChatTemplate(messages, { tokenize: true });
    return Math.max(1, Math.min(ordinary, extendedWindow - tokens.length));
  }

  #sayGrowth(before: number, after: number, length: number): void {
    const again = this.#flags.growth === "rerotate" ? "the cached keys were turned" : "the conversation was read again";
    const how = length === 0 ? "this conversation needs it from its first message" : again;
    note(styleError("yellow", `the window grew from factor ${before} to ${Number(after.toFixed(3))}; ${how}`));
  }

  #beginning(): ChatMessage[] {
    return this.#flags.system === undefined ? [] : [{ role: "system", content: this.#flags.system }];
  }
}

async function summary(generation: ReturnType<Session["generate"]>): Promise<object> {
  const { finishReason, factor, usage, timings } = await generation.result();
  return { finishReason, factor, usage, timings };
}
