import { chooseEncoding } from "../../context/encoding.ts";
import { plan } from "../../context/plan.ts";
import { InvalidOptionError } from "../../errors.ts";
import { tokenLogprob } from "../../sampling/logprobs.ts";
import type { AppendAnswer, AppendCall } from "../methods.ts";
import type { Progress } from "../options.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { reportPrefill } from "./prefill-progress.ts";
import type { Sequence } from "./sequence.ts";

/** The most that logits of all rows may take: more is not for one message between threads. */
const mostLogitsBytes = 2 ** 30;

/**
 * Adds tokens to a sequence and computes them. When it fails or is aborted, the sequence has the tokens that it had before.
 *
 * @throws ContextLengthError when they do not fit, before any is computed
 */
export async function append(
  model: LoadedModel,
  sequence: Sequence,
  call: AppendCall,
  { signal, emit }: { readonly signal: AbortSignal; readonly emit: (progress: Progress) => void },
): Promise<AppendAnswer> {
  const before = sequence.length;
  const count = call.tokens.length;
  const vocabulary = model.config.vocab_size;
  checkLogitsSize(call, vocabulary);
  if (count === 0 && (before === 0 || call.logits !== "last"))
    return { rows: 0, length: before, factor: sequence.encoding.factor };
  const { settings } = sequence.context;
  const planned = plan(settings, {
    tokens: before + count,
    maxTokens: 0,
    currentFactor: sequence.keptFactor,
  });
  const after = before + count;
  const firstLogits = call.logits === "all" ? before : after - 1;
  const rows = call.logits === "none" ? 0 : after - firstLogits;
  const logits = rows > 0 ? new Float32Array(rows * vocabulary) : undefined;
  const logprobs = call.logprobs ? new Float64Array(count).fill(Number.NaN) : undefined;
  // The probability of a token stands in the logits of the one before it.
  const from = Math.max(0, call.logprobs ? before - 1 : firstLogits);
  const wantsAny = rows > 0 || call.logprobs;

  const mark = sequence.mark();
  sequence.push(call.tokens);
  try {
    const grew = sequence.adopt(chooseEncoding(settings, planned.factor), settings.growth);
    if (wantsAny) sequence.cache.truncate(from);
    const onStep = reportPrefill(sequence, grew, (event) => emit(event.progress));
    await model.scheduler.compute({
      sequence,
      signal,
      onStep,
      ...(wantsAny && { wanted: { from, to: rows > 0 ? after - 1 : after - 2 } }),
      onLogits: (row, position) => {
        if (logits && position >= firstLogits) logits.set(row, (position - firstLogits) * vocabulary);
        const next = position + 1 - before;
        if (logprobs && next < count) logprobs[next] = tokenLogprob(row, call.tokens[next]!);
      },
    });
  } catch (error) {
    sequence.rollback(mark);
    throw error;
  }
  return {
    rows,
    length: after,
    factor: sequence.encoding.factor,
    ...(logits && { logits }),
    ...(logprobs && { logprobs }),
  };
}

function checkLogitsSize(call: AppendCall, vocabulary: number): void {
  const bytes = call.tokens.length * vocabulary * 4;
  if (call.logits !== "all" || bytes <= mostLogitsBytes) return;
  const size = (bytes / 2 ** 30).toFixed(1);
  throw new InvalidOptionError(
    "logits",
    `all of ${call.tokens.length} tokens are ${size} GiB, above 1 GiB; append in pieces, or ask for logprobs: true instead`,
  );
}
