import { readContextOptions } from "../context/options.ts";
import { SkeinError } from "../errors.ts";
import type { SnapshotHeader } from "./methods.ts";

/**
 * Checks the header of a saved session field by field: a file may hold anything.
 *
 * @throws SkeinError (code `invalid_snapshot`) naming the field
 */
export function parseSnapshotHeader(json: unknown): SnapshotHeader {
  const header = object(json, "header");
  const layout = object(header.layout, "layout");
  const encoding = object(header.encoding, "encoding");
  const options = object(encoding.options, "encoding.options");
  const parsed: SnapshotHeader = {
    fingerprint: text(header.fingerprint, "fingerprint"),
    adapter: header.adapter === null ? null : text(header.adapter, "adapter"),
    layout: {
      layers: count(layout.layers, "layout.layers"),
      keyValueHeads: count(layout.keyValueHeads, "layout.keyValueHeads"),
      headDim: count(layout.headDim, "layout.headDim"),
      blockTokens: count(layout.blockTokens, "layout.blockTokens"),
      type: text(layout.type, "layout.type") as SnapshotHeader["layout"]["type"],
    },
    encoding: {
      factor: positive(encoding.factor, "encoding.factor"),
      options: {
        method: text(options.method, "encoding.options.method") as NonNullable<
          SnapshotHeader["encoding"]["options"]["method"]
        >,
        ...(options.factor !== undefined && { factor: positive(options.factor, "encoding.options.factor") }),
        ...(options.originalWindow !== undefined && {
          originalWindow: positive(options.originalWindow, "encoding.options.originalWindow"),
        }),
        ...(options.sequenceLength !== undefined && {
          sequenceLength: positive(options.sequenceLength, "encoding.options.sequenceLength"),
        }),
      },
    },
    keepsFactor: header.keepsFactor !== false, // files of before do not say, and keep it
    context: readContextOptions(object(header.context, "context")),
    plannedTokens: count(header.plannedTokens, "plannedTokens"),
    length: count(header.length, "length"),
    cached: count(header.cached, "cached"),
  };
  if (parsed.cached > parsed.length) throw invalid("cached", "is more than length");
  return parsed;
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(field, "must be an object");
  return value as Record<string, unknown>;
}

function text(value: unknown, field: string): string {
  // Messages show them.
  if (typeof value !== "string" || value.length > 200 || /\p{C}/u.test(value))
    throw invalid(field, "must be a short text");
  return value;
}

function positive(value: unknown, field: string): number {
  if (typeof value !== "number" || !(value > 0 && Number.isFinite(value)))
    throw invalid(field, "must be a positive number");
  return value;
}

function count(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw invalid(field, "must be a whole number");
  return value;
}

function invalid(field: string, what: string): SkeinError {
  return new SkeinError("invalid_snapshot", `this saved session is damaged: ${field} ${what}`);
}
