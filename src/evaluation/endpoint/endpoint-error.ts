import { SkeinError } from "../../index.ts";

/** What a server said was wrong, as far as it said it in a way that is known. */
export interface Problem {
  readonly status: number;
  /** In one line, cut, without the key. */
  readonly message: string;
  /** `error.code` and `error.type`, where they are texts. */
  readonly codes: readonly string[];
}

/**
 * A server that refuses, or answers something else than what its API promises (code `endpoint`); one that cannot be reached, or takes too long
 * (code `endpoint_unreachable`).
 */
export class EndpointError extends SkeinError {
  override readonly name = "EndpointError";
  /** Of an answer that says what was wrong. */
  readonly problem: Problem | undefined;

  /** @param address - of what was asked, without credentials */
  constructor(
    address: string,
    message: string,
    {
      problem,
      code = "endpoint",
    }: { readonly problem?: Problem; readonly code?: "endpoint" | "endpoint_unreachable" } = {},
  ) {
    super(code, `${address} ${message}`);
    this.problem = problem;
  }
}

const refusalCodes: readonly string[] = [
  "context_length_exceeded", // OpenAI
  "exceed_context_size_error", // llama.cpp
  "context_window_exceeded",
];

/** vLLM, SGLang, llama.cpp and OpenAI, each in the wordings of several years. */
const refusalWordings = [
  /maximum context length/i,
  /longer than the (maximum )?(model's )?(context|model) length/i,
  /maximum (model|prompt|sequence) length/i,
  /exceeds? the (available|model's|maximum|max) (context|model|input|sequence|allowed)/i,
  /exceed(s|ed)? (the )?context (window|size|length|limit)/i,
  /tokens exceeds? the (configured )?limit/i,
  /(prompt|input) is too long/i,
  /reduce the length of the (messages|prompt|input)/i,
  /max_tokens must be at least 1, got -/i,
];

/** Whether a server did not take a prompt because of its length: an outcome of an evaluation, not a failure of it. */
export function isLengthRefusal(error: unknown): boolean {
  const problem = error instanceof EndpointError ? error.problem : undefined;
  // llama.cpp said 500 for a while.
  if (!problem || ![400, 413, 422, 500].includes(problem.status)) return false;
  return (
    problem.codes.some((code) => refusalCodes.includes(code)) ||
    refusalWordings.some((wording) => wording.test(problem.message))
  );
}

/** Whether a request was too large, by what is before a server as a rule: the length cannot be measured, and the server's window is not known from it. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof EndpointError && error.problem?.status === 413;
}

/** Whether a server answered that it will not, or answered what it was not asked: that says what it is able to do. No answer does not. */
export function isUnwilling(error: unknown): boolean {
  return error instanceof EndpointError && error.code === "endpoint" && !passing.includes(error.problem?.status ?? 0);
}

/** Denied, or busy. */
const passing: readonly number[] = [401, 429, 502, 503, 504];

/** Whether a server has no such path; an unknown model is said with the same status. */
export function isMissingPath(error: unknown): boolean {
  const problem = error instanceof EndpointError ? error.problem : undefined;
  if (!problem || ![404, 405, 501].includes(problem.status)) return false;
  return !/\bmodel\b/i.test(problem.message);
}
