import { CheckpointError, quoteName } from "./errors.ts";
import { type CheckpointFiles, decodeText, missingFile, orRefused, parseJson } from "./files.ts";
import { explainForeignFile } from "./foreign-file.ts";
import { findDuplicateKey } from "./json-keys.ts";
import { isRecord } from "./json-record.ts";

/** Bits an element has, for every type that the safetensors format knows. */
const TENSOR_TYPE_BITS = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const;

/** The type of a tensor's elements. F32, F16 and BF16 can be read as weights; the others may stand in a file. */
type TensorType = keyof typeof TENSOR_TYPE_BITS;

/** Where a tensor lies. */
export interface TensorEntry {
  readonly name: string;
  /** A {@link TensorType}, or a type of blocks of a GGUF file. */
  readonly dtype: string;
  /** Row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** The file that holds it. */
  readonly file: string;
  /** First byte, counted from the beginning of the file. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/** A file begins with the header's size: 8 bytes, little-endian. */
const PREFIX_BYTES = 8;

const openingBrace = 0x7b;

/** The format's own limit. */
const HEADER_LIMIT = 100_000_000;

/**
 * The tensors of one safetensors file, in the order in which they lie there. Only the header is read, and everything
 * it claims is checked: that its tensors fill the file exactly, without overlap or gap, and that each one's bytes are
 * what its shape and type need.
 *
 * @throws CheckpointError naming the file, and the tensor at fault.
 * @see https://huggingface.co/docs/safetensors/index#format
 */
export async function readHeader(files: CheckpointFiles, name: string): Promise<TensorEntry[]> {
  const size = await files.size(name);
  if (size === undefined) throw missingFile(name, files.label + orRefused(files));
  const where = `${name} in ${files.label}`;
  if (size < PREFIX_BYTES) throw invalid(where, `has ${size} bytes, too few for a safetensors file`);
  const prefix = await files.read(name, 0, PREFIX_BYTES);
  const headerBytes = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(HEADER_LIMIT, size - PREFIX_BYTES))) {
    const problem = `claims a header of ${headerBytes} bytes; the file has ${size} and a header at most ${HEADER_LIMIT}. It is not a safetensors file, or only a part of one`;
    throw explainForeignFile(prefix, where) ?? invalid(where, problem);
  }
  const dataStart = PREFIX_BYTES + Number(headerBytes);
  const header = await files.read(name, PREFIX_BYTES, dataStart);
  const foreign = header[0] === openingBrace ? undefined : explainForeignFile(prefix, where);
  if (foreign) throw foreign;
  const text = decodeText(header, `The header of ${where}`);
  const entries = parseHeader(text, name, where, dataStart);
  checkLayout(entries, where, dataStart, size);
  return entries;
}

/** Whether a type of a safetensors file can be read as weights. */
export function isWeightType(dtype: string): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

function parseHeader(text: string, file: string, where: string, dataStart: number): TensorEntry[] {
  const header = parseJson(text, `The header of ${where}`);
  if (!isRecord(header)) throw invalid(where, "has a header that is not an object");
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) throw invalid(where, `names ${quoteName(duplicate)} twice in its header`);
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") checkMetadata(value, where);
    else entries.push(parseEntry(name, value, file, where, dataStart));
  }
  return entries.sort((a, b) => a.start - b.start || a.end - b.end);
}

function parseEntry(name: string, value: unknown, file: string, where: string, dataStart: number): TensorEntry {
  const tensor = `has a tensor ${quoteName(name)}`;
  if (!isRecord(value)) throw invalid(where, `${tensor} whose description is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isTensorType(dtype)) {
    const given = typeof dtype === "string" ? quoteName(dtype) : typeof dtype;
    throw invalid(where, `${tensor} of the unknown type ${given}`);
  }
  if (!isSizes(shape)) throw invalid(where, `${tensor} whose shape is not a list of whole numbers`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw invalid(where, `${tensor} whose data_offsets are not two whole numbers`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = byteLength(dtype, shape);
  if (bytes === undefined) throw invalid(where, `${tensor} of an impossible size: ${dtype} ${formatShape(shape)}`);
  if (end - begin !== bytes) {
    throw invalid(where, `${tensor} of ${end - begin} bytes; ${dtype} ${formatShape(shape)} needs ${bytes}`);
  }
  return { name, dtype, shape, file, start: dataStart + begin, end: dataStart + end };
}

/** Entries are sorted by their place: each must begin where the one before it ends, and the last must end the file. */
function checkLayout(entries: readonly TensorEntry[], where: string, dataStart: number, size: number): void {
  let expected = dataStart;
  for (const { name, start, end } of entries) {
    const tensor = `has a tensor ${quoteName(name)}`;
    if (end > size) throw invalid(where, `${tensor} that ends at byte ${end}; the file has ${size}. Is it complete?`);
    if (start < expected) throw invalid(where, `${tensor} that overlaps the one before it`);
    if (start > expected) throw invalid(where, `${tensor} after ${start - expected} bytes that belong to no tensor`);
    expected = end;
  }
  if (expected < size) throw invalid(where, `has ${size - expected} bytes after its last tensor`);
}

function checkMetadata(value: unknown, where: string): void {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw invalid(where, "has a __metadata__ that does not map names to text");
  }
}

/** `undefined` when the size is no exact number of bytes. */
function byteLength(dtype: TensorType, shape: readonly number[]): number | undefined {
  let bits: number = TENSOR_TYPE_BITS[dtype];
  for (const dimension of shape) {
    bits *= dimension;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}

/** A shape for a message, of bounded length. */
export function formatShape(shape: readonly number[]): string {
  return shape.length > 8 ? `[${shape.slice(0, 8).join(", ")}, …]` : `[${shape.join(", ")}]`;
}

function isTensorType(value: unknown): value is TensorType {
  return typeof value === "string" && Object.hasOwn(TENSOR_TYPE_BITS, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function invalid(where: string, what: string): CheckpointError {
  return new CheckpointError("invalid_checkpoint", `${where} ${what}`);
}
