import { gguf } from "@huggingface/gguf";
import { SkeinError, UnsupportedError } from "../../errors.ts";
import { CheckpointError, quoteName } from "../errors.ts";
import { type CheckpointFiles, missingFile, orRefused } from "../files.ts";
import { explainForeignFile, TELLING_BYTES } from "../foreign-file.ts";
import { readLastTexts } from "./last-texts.ts";
import { numberTypesById, numberTypesByName } from "./number-types.ts";

/** A value of the metadata; integers of 64 bits are numbers. */
export type GgufValue = string | number | boolean | readonly GgufValue[];

/** Where a tensor lies in a GGUF file. */
export interface GgufTensor {
  /** As llama.cpp names it: `blk.0.attn_q.weight`. */
  readonly name: string;
  /** The type's name: `F32`, `Q4_K`. */
  readonly type: string;
  /** Row-major, the outermost dimension first, as checkpoints have it; the file has it the other way round. */
  readonly shape: readonly number[];
  readonly file: string;
  /** First byte, counted from the beginning of the file. */
  readonly start: number;
  readonly end: number;
}

/** What a GGUF file says before its numbers. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

/** The largest product of dimensions: sums of bytes stay exact. */
const mostNumbers = 2 ** 48;

/**
 * Reads the header of a GGUF file, version 2 or 3, and checks that its tensors lie in the file.
 *
 * @throws CheckpointError naming the file, and the tensor at fault; UnsupportedError for a type of numbers that Skein does not have.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGgufHeader(files: CheckpointFiles, file: string): Promise<GgufHeader> {
  const where = `${file} in ${files.label}`;
  const size = await files.size(file);
  if (size === undefined) throw missingFile(file, files.label + orRefused(files));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const parsed = await parse(files, file, size, pieces).catch(async (error: unknown) => {
    if (error instanceof SkeinError) throw error; // the source's own
    const start = await files.read(file, 0, Math.min(size, TELLING_BYTES));
    const foreign = isGguf(start) ? undefined : explainForeignFile(start, where);
    if (foreign) throw foreign;
    const reason = error instanceof Error ? error.message.replace(/\s+/g, " ").slice(0, 200) : String(error);
    throw new CheckpointError("invalid_checkpoint", `${where} is not a GGUF file that can be followed: ${reason}`, {
      cause: error,
    });
  });
  if (!parsed.littleEndian) throw refuse(where, "has its numbers in big-endian order; convert it for this machine");
  const metadata = new Map(Object.entries(parsed.metadata).map(([key, value]) => [key, toValue(value)] as const));
  const version = pieces[0]![4]; // the library's is what a key of that name says
  if (version !== 2 && version !== 3) throw refuse(where, `has version ${version}; 2 and 3 are followed`);
  // Behind the end of the file the library has read zeros.
  if (parsed.tensorInfoByteRange[1] > size)
    throw refuse(where, `ends inside its header, at byte ${size}; is it complete?`);
  const [metadataEnd] = parsed.tensorInfoByteRange;
  if (metadataEnd > pieces[0]!.length) restoreCutTexts(metadata, await joined(files, file, pieces, metadataEnd));
  restoreByteOrderMark(metadata);
  const dataStart = Number(parsed.tensorDataOffset);
  const tensors = parsed.tensorInfos.map(({ name, shape, dtype, offset }) =>
    placeTensor({ name, dimensions: shape.map(Number), dtype, start: dataStart + Number(offset), file, size, where }),
  );
  return { metadata, tensors };
}

/** The library cuts the text that a value ends with, without a word, where the pieces that it has asked for end in it. */
function restoreCutTexts(metadata: Map<string, GgufValue>, bytes: Uint8Array<ArrayBuffer>): void {
  for (const [key, text] of readLastTexts(bytes)) {
    const value = metadata.get(key);
    if (typeof value === "string") metadata.set(key, text);
    else if (Array.isArray(value) && typeof value.at(-1) === "string") metadata.set(key, value.with(-1, text));
  }
}

/** @returns the bytes before `end`, of which the library may not have asked for the last */
async function joined(
  files: CheckpointFiles,
  file: string,
  pieces: readonly Uint8Array<ArrayBuffer>[],
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece.subarray(0, end - at), at);
    at = Math.min(end, at + piece.length);
  }
  if (at < end) bytes.set(await files.read(file, at, end), at);
  return bytes;
}

/** The library drops a byte order mark that a text begins with. Llama 2 has a token that is nothing else, and no token of SentencePiece is empty. */
function restoreByteOrderMark(metadata: Map<string, GgufValue>): void {
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (metadata.get("tokenizer.ggml.model") !== "llama" || !Array.isArray(tokens)) return;
  metadata.set(
    "tokenizer.ggml.tokens",
    tokens.map((token: GgufValue) => (token === "" ? "\uFEFF" : token)),
  );
}

function isGguf(start: Uint8Array): boolean {
  return String.fromCharCode(...start.subarray(0, 4)) === "GGUF";
}

/**
 * The library reads by HTTP ranges: it gets them from the source, one after the other.
 *
 * @param pieces - is given them all
 */
function parse(
  files: CheckpointFiles,
  file: string,
  size: number,
  pieces: Uint8Array<ArrayBuffer>[],
): ReturnType<typeof gguf> {
  const read = async (_: unknown, { headers }: { readonly headers: { readonly Range: string } }): Promise<Response> => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.Range)!;
    const [start, end] = [Math.min(Number(first), size), Math.min(Number(last) + 1, size)];
    const bytes = await files.read(file, start, end);
    pieces.push(bytes);
    // 206 with an empty body is no valid answer, but this one is made for the library alone.
    return new Response(bytes, { headers: { "content-range": `bytes ${start}-${end - 1}/${size}` } });
  };
  return gguf("https://file.invalid/", { fetch: read as unknown as typeof fetch });
}

interface Place {
  readonly name: string;
  /** As in the file: the innermost first. */
  readonly dimensions: readonly number[];
  readonly dtype: number;
  readonly start: number;
  readonly file: string;
  readonly size: number;
  readonly where: string;
}

function placeTensor({ name, dimensions, dtype, start, file, size, where }: Place): GgufTensor {
  const type = numberTypesById.get(dtype);
  const tensor = `tensor ${quoteName(name)}`;
  if (type === undefined) {
    const known = [...numberTypesByName.keys()].join(", ");
    throw new UnsupportedError(
      `${where}: ${tensor} is of ggml's type ${dtype}, which Skein does not have; it has ${known}`,
    );
  }
  const numbers = dimensions.reduce((product, dimension) => product * dimension, 1);
  const columns = dimensions[0] ?? 1;
  if (!(numbers <= mostNumbers) || dimensions.length > 4) throw refuse(where, `${tensor} cannot be so large`);
  if (columns % type.numbers !== 0)
    throw refuse(
      where,
      `${tensor} has rows of ${columns} numbers, which blocks of ${type.numbers} (${type.name}) do not make up`,
    );
  const end = start + (numbers / type.numbers) * type.bytes;
  if (!(end <= size)) throw refuse(where, `${tensor} ends at byte ${end}, but the file has ${size}; is it complete?`);
  return { name, type: type.name, shape: dimensions.toReversed(), file, start, end };
}

function toValue(value: unknown): GgufValue {
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(toValue) : (value as GgufValue);
}

function refuse(where: string, problem: string): CheckpointError {
  return new CheckpointError("invalid_checkpoint", `${where}: ${problem}`);
}
