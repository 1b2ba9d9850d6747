import { type BlockType, blockBytes, blockLength } from "./quantize.ts";

/** The numbers that blocks of {@link quantizeQ4} or {@link quantizeQ8} stand for. */
export function dequantize(blocks: Uint8Array, type: BlockType): Float32Array<ArrayBuffer> {
  const size = blockBytes[type];
  const values = new Float32Array((blocks.length / size) * blockLength);
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let from = 0, to = 0; from < blocks.length; from += size, to += blockLength) {
    const scale = view.getFloat16(from, true);
    for (let i = 0; i < blockLength; i++) values[to + i] = scale * quantizedNumber(view, from + 2, i, type);
  }
  return values;
}

function quantizedNumber(view: DataView, numbers: number, i: number, type: BlockType): number {
  if (type === "Q8_0") return view.getInt8(numbers + i);
  const half = blockLength / 2;
  const pair = view.getUint8(numbers + (i % half));
  return (i < half ? pair & 15 : pair >> 4) - 8;
}
