import { ContextLengthError, type ContextLengthFields } from "../context/context-length-error.ts";
import {
  InvalidConfigError,
  InvalidOptionError,
  SkeinError,
  type SkeinErrorCode,
  UnsupportedError,
} from "../errors.ts";

/** An error on its way between threads, which keep no classes. */
export interface RemoteError {
  readonly name: string;
  readonly code: SkeinErrorCode;
  readonly message: string;
  readonly stack: string | undefined;
  readonly option: string | undefined;
  readonly field: string | undefined;
  readonly contextLength: ContextLengthFields | undefined;
}

export function packError(thrown: unknown): RemoteError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    name: error.name,
    code: error instanceof SkeinError ? error.code : "internal",
    message: error.message,
    stack: error.stack,
    option: error instanceof InvalidOptionError ? error.option : undefined,
    field: error instanceof InvalidConfigError ? error.field : undefined,
    contextLength: error instanceof ContextLengthError ? pickFields(error) : undefined,
  };
}

/** @returns an error of the class that was thrown on the other side, with the stack from there as its cause's */
export function unpackError(remote: RemoteError): Error {
  const error = create(remote);
  if (remote.stack) error.stack = remote.stack;
  return error;
}

function create(remote: RemoteError): Error {
  const { code, message, option, field, contextLength } = remote;
  if (contextLength) return new ContextLengthError(contextLength);
  if (option !== undefined) return new InvalidOptionError(option, message.slice(option.length + 2));
  if (field !== undefined) return new InvalidConfigError(field, message.slice(field.length + 2));
  if (remote.name === "UnsupportedError") return new UnsupportedError(message);
  if (remote.name === "AbortError") return new DOMException(message, "AbortError");
  return new SkeinError(code, code === "internal" ? `internal error: ${message}` : message);
}

function pickFields(error: ContextLengthError): ContextLengthFields {
  const { tokensNeeded, tokensAvailable, nativeWindow, extendedWindow, option, suggestion, isOpenEnded, adapter } =
    error;
  return { tokensNeeded, tokensAvailable, nativeWindow, extendedWindow, option, suggestion, isOpenEnded, adapter };
}
