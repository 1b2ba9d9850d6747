import { SkeinError } from "../../errors.ts";
import { CheckpointError, quoteName } from "../errors.ts";
import type { CheckpointFiles } from "../files.ts";
import type { TensorBlocks, TensorIndex } from "../tensors.ts";
import { widenBfloat16, widenFloat16 } from "../widen.ts";
import { type BlockType, blockTypes } from "./block-types.ts";
import { type ReadTensor, tensorReader } from "./head-rows.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";
import { numberTypesByName } from "./number-types.ts";
import { ropeFactorsName } from "./rope-factors.ts";
import { checkpointName } from "./tensor-names.ts";

/** How much of a tensor is read at a time, in bytes, about. */
const pieceBytes = 16 * 2 ** 20;

const byName: ReadonlyMap<string, BlockType> = new Map([...blockTypes.values()].map((type) => [type.name, type]));

/** The tensors of GGUF files, under their names in a checkpoint. @throws CheckpointError when a name stands for two */
export function indexOfGguf(files: CheckpointFiles, header: GgufHeader): TensorIndex {
  // The factors of Llama's frequencies are part of the configuration: see `rope-factors.ts`.
  const isConfiguration = ({ name }: GgufTensor): boolean => name === ropeFactorsName;
  const tensors = header.tensors.filter((tensor) => !isConfiguration(tensor));
  const reader = tensorReader(files, header);
  const entries = new Map(tensors.map((tensor) => [checkpointName(tensor.name), tensor] as const));
  if (entries.size !== tensors.length)
    throw new CheckpointError("invalid_checkpoint", `${tensors[0]!.file} in ${files.label} names a tensor twice`);
  const entryOf = (name: string): GgufTensor => {
    const entry = entries.get(name);
    if (entry !== undefined) return entry;
    throw new CheckpointError("not_found", `${files.label} has no tensor ${quoteName(name)}`);
  };
  return {
    names: [...entries.keys()],
    entry: (name) => {
      const entry = entries.get(name);
      return entry && { ...entry, name, dtype: entry.type };
    },
    isReadable: () => true,
    readFloat32: (name, start = 0, end) => {
      const entry = entryOf(name);
      return readNumbers(reader(entry), entry, start, end ?? entry.shape.reduce((product, size) => product * size, 1));
    },
    blockType: (name) => {
      const type = byName.get(entryOf(name).type);
      return type?.scaled?.type ?? type?.kept;
    },
    readBlocks: (name, start, end) => readBlocks(reader(entryOf(name)), entryOf(name), start, end),
    readSuperBlocks: (name, start, end) => readSuperBlocks(reader(entryOf(name)), entryOf(name), start, end),
    readBytes: (name) => {
      const entry = entryOf(name);
      return reader(entry)(0, entry.end - entry.start);
    },
  };
}

async function readNumbers(
  read: ReadTensor,
  { type }: GgufTensor,
  first: number,
  last: number,
): Promise<Float32Array<ArrayBuffer>> {
  const out = new Float32Array(last - first);
  const blocks = byName.get(type);
  const { numbers, bytes } = numberTypesByName.get(type)!;
  const blocksAtOnce = Math.floor(pieceBytes / bytes);
  for (let block = Math.floor(first / numbers); block * numbers < last; block += blocksAtOnce) {
    const end = Math.min(Math.ceil(last / numbers), block + blocksAtOnce);
    const piece = await read(block * bytes, end * bytes);
    const widened = blocks ? dequantise(piece, blocks) : widen(piece, type);
    // The first and the last block may have numbers that are not asked for.
    const from = Math.max(0, first - block * numbers);
    const to = Math.min(widened.length, last - block * numbers);
    out.set(widened.subarray(from, to), block * numbers + from - first);
  }
  return out;
}

async function readBlocks(
  read: ReadTensor,
  { name, type }: GgufTensor,
  first: number,
  last: number,
): Promise<TensorBlocks> {
  const blockType = byName.get(type);
  if (!blockType?.scaled || first % blockType.numbers !== 0 || last % blockType.numbers !== 0)
    throw new SkeinError("internal", `${name} has no such blocks`);
  const { numbers, bytes, scaled } = blockType;
  const piece = await read((first / numbers) * bytes, (last / numbers) * bytes);
  const count = piece.length / bytes;
  const scales = new Uint16Array(count);
  const integers = new Int8Array(count * numbers);
  const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
  for (let block = 0; block < count; block++) {
    scales[block] = view.getUint16(block * bytes, true);
    scaled.integers(view, block * bytes, integers, block * numbers);
  }
  return { scales, integers };
}

async function readSuperBlocks(
  read: ReadTensor,
  { name, type }: GgufTensor,
  first: number,
  last: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const blockType = byName.get(type);
  if (!blockType?.kept || first % blockType.numbers !== 0 || last % blockType.numbers !== 0)
    throw new SkeinError("internal", `${name} has no such super-blocks`);
  const { numbers, bytes } = blockType;
  return await read((first / numbers) * bytes, (last / numbers) * bytes);
}

function dequantise(piece: Uint8Array<ArrayBuffer>, { numbers, bytes, dequantise }: BlockType): Float32Array {
  const count = piece.length / bytes;
  const out = new Float32Array(count * numbers);
  const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
  for (let block = 0; block < count; block++) dequantise(view, block * bytes, out, block * numbers);
  return out;
}

function widen(piece: Uint8Array<ArrayBuffer>, type: string): Float32Array {
  // A view at an odd address, or one that a source of someone else's making hands out.
  const bytes = piece.byteOffset % 4 === 0 ? piece : piece.slice();
  if (type === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const out = new Uint32Array(halves.length);
  (type === "F16" ? widenFloat16 : widenBfloat16)(halves, out);
  return new Float32Array(out.buffer);
}
