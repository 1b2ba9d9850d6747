import { openEndError } from "../../context/context-length-error.ts";
import { chooseEncoding } from "../../context/encoding.ts";
import type { Context } from "../../context/narrow.ts";
import { type Plan, plan } from "../../context/plan.ts";
import type { ContextSettings } from "../../context/settings.ts";
import { InvalidOptionError } from "../../errors.ts";
import { tokenLogprob, topLogprobs } from "../../sampling/logprobs.ts";
import { createSampler, type Sampler } from "../../sampling/sampler.ts";
import { createDetokenizer } from "../../text/detokenizer.ts";
import { createStopMatcher, type StopMatcher } from "../../text/stop-strings.ts";
import type { GenerateCall, GenerateEvent, GenerateSummary } from "../methods.ts";
import type { FinishReason } from "../options.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { reportPrefill } from "./prefill-progress.ts";
import { PromptLookup } from "./prompt-lookup.ts";
import type { Sequence } from "./sequence.ts";

/** One answer while it is made. */
interface Answer {
  readonly model: LoadedModel;
  readonly sequence: Sequence;
  readonly call: GenerateCall;
  readonly plan: Plan;
  readonly sampler: Sampler;
  readonly endTokens: ReadonlySet<number>;
  readonly text: TextStream;
  readonly signal: AbortSignal;
  readonly emit: (event: GenerateEvent) => void;
}

/** How an answer ended, and what became of its guesses. */
interface Ending {
  readonly finishReason: FinishReason;
  readonly guessedTokens: number;
  readonly acceptedTokens: number;
}

/**
 * Continues a sequence by sampled tokens: plan, read the prompt, then token by token, each emitted as it comes.
 *
 * @param context - narrowed for this request
 * @throws ContextLengthError before anything is computed when prompt and `maxTokens` do not fit; after the last token that fits when the
 * request was open-ended
 */
export async function generate(
  model: LoadedModel,
  sequence: Sequence,
  context: Context,
  call: GenerateCall,
  { signal, emit }: { readonly signal: AbortSignal; readonly emit: (event: GenerateEvent) => void },
): Promise<GenerateSummary> {
  const before = sequence.length;
  const request = {
    tokens: (call.replace ? 0 : before) + call.tokens.length,
    maxTokens: call.maxTokens,
  };
  if (request.tokens === 0)
    throw new InvalidOptionError("prompt", "is empty; give at least one token to continue from");
  // A conversation is a whole request, planned like one; what is added to a session keeps its factor.
  const currentFactor = call.replace ? sequence.plannedFactor(context.settings) : sequence.keptFactor;
  const planned = plan(context.settings, { ...request, currentFactor });
  const sampler = createSampler(call.sampling);
  const text = createTextStream(model, call);
  const endTokens = new Set(call.endTokens);
  const mark = sequence.mark();
  if (call.replace) sequence.replace(call.tokens);
  else sequence.push(call.tokens);
  const promptTokens = sequence.length;
  sampler.observe(sequence.tokens);

  const began = performance.now();
  let cachedTokens: number;
  let logits: readonly Float32Array[];
  try {
    const grew = sequence.adopt(chooseEncoding(context.settings, planned.factor), context.settings.growth);
    sequence.cache.truncate(promptTokens - 1); // the last token's logits are needed, and are nowhere kept
    cachedTokens = sequence.cache.length;
    logits = await computeLogits(model, sequence, [], signal, reportPrefill(sequence, grew, emit));
  } catch (error) {
    if (!call.replace) sequence.rollback(mark);
    throw error;
  }
  const answering = performance.now();
  const answer: Answer = { model, sequence, call, plan: planned, sampler, endTokens, text, signal, emit };
  const { finishReason, ...guesses } = await decode(answer, logits, context.settings);
  return {
    finishReason,
    factor: sequence.encoding.factor,
    promptTokens,
    cachedTokens,
    prefillSeconds: (answering - began) / 1000,
    decodeSeconds: (performance.now() - answering) / 1000,
    seed: sampler.seed,
    ...(call.promptLookup > 0 && guesses),
  };
}

/**
 * Token by token, each drawn from its own logits as if there were no guesses: these only decide how many of the logits a step computes. A guess
 * becomes part of the sequence as the token that was drawn, so that nothing ever has to be taken off it.
 *
 * @param first - the logits of the prompt's last token
 */
async function decode(answer: Answer, first: readonly Float32Array[], settings: ContextSettings): Promise<Ending> {
  const { model, sequence, call, plan: planned, sampler, signal } = answer;
  const lookup = call.promptLookup > 0 ? new PromptLookup(sequence.tokens) : undefined;
  let guesses: readonly number[] = [];
  let rows = first; // of the sequence's last token, and of each guess after it
  let [count, guessedTokens, acceptedTokens] = [0, 0, 0];
  for (;;) {
    for (let index = 0; ; index++) {
      const logits = rows[index]!;
      const token = sampler.sample(logits);
      const isLast = ++count >= planned.maxTokens;
      const finishReason = addToken(answer, token, logits, isLast);
      if (finishReason) return { finishReason, guessedTokens, acceptedTokens };
      if (isLast) throw openEndError(settings, sequence.length + 1, sequence.encoding.factor);
      if (index + 1 >= rows.length || token !== guesses[index]) break;
      sequence.cache.advance(1); // its keys and values were computed with the guess
      acceptedTokens++;
    }
    guesses = lookup?.guess(Math.min(call.promptLookup, planned.maxTokens - count - 1)) ?? [];
    rows = await computeLogits(model, sequence, guesses, signal);
    guessedTokens += rows.length - 1;
  }
}

/** @returns why the answer ends with this token, if it does */
function addToken(answer: Answer, token: number, logits: Float32Array, isLast: boolean): FinishReason | undefined {
  const { sequence, call, plan: planned, endTokens, text, emit } = answer;
  sequence.push([token]);
  const isEnd = endTokens.has(token);
  const piece = (isEnd ? "" : text.push(token)) + (isEnd || isLast ? text.end() : "");
  const finishReason = isEnd || text.stopped ? "stop" : isLast && planned.limit === "maxTokens" ? "length" : undefined;
  emit({
    type: "chunk",
    text: piece,
    token,
    factor: sequence.encoding.factor,
    ...(call.logprobs !== undefined && {
      logprobs: [{ token, logprob: tokenLogprob(logits, token), top: topLogprobs(logits, call.logprobs) }],
    }),
    ...(finishReason && { finishReason }),
  });
  return finishReason;
}

/**
 * Computes what the sequence lacks.
 * @returns the logits of its last token, and of the guesses after it that there was room for; valid until the next task, as the scheduler has them
 */
async function computeLogits(
  model: LoadedModel,
  sequence: Sequence,
  guesses: readonly number[],
  signal: AbortSignal,
  onStep?: (cached: number) => void,
): Promise<Float32Array[]> {
  const last = sequence.length - 1;
  const rows: Float32Array[] = [];
  await model.scheduler.compute({
    sequence,
    guesses,
    signal,
    wanted: { from: last, to: last + guesses.length },
    onLogits: (row) => {
      rows.push(row);
    },
    ...(onStep && { onStep }),
  });
  return rows;
}

/** Tokens to text, up to a stop text. */
interface TextStream {
  readonly push: (token: number) => string;
  /** @returns what was held back */
  readonly end: () => string;
  readonly stopped: boolean;
}

/** A model without a tokenizer generates tokens and no text. What answers a conversation is a text of its own; what goes on from a prompt is not. */
function createTextStream(model: LoadedModel, { stop, replace }: GenerateCall): TextStream {
  if (!model.tokenTable) {
    if (stop.length > 0) throw new InvalidOptionError("stop", "needs text, and this model has no tokenizer.json");
    return { push: () => "", end: () => "", stopped: false };
  }
  const detokenizer = createDetokenizer(model.tokenTable, { skipSpecialTokens: true, continues: !replace });
  const matcher: StopMatcher = createStopMatcher(stop);
  return {
    push: (token) => matcher.push(detokenizer.push(token), detokenizer.held),
    end: () => matcher.push(detokenizer.flush()) + matcher.flush(),
    get stopped() {
      return matcher.stopped;
    },
  };
}
