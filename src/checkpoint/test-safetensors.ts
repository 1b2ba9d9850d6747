import { openBlobs } from "./blobs.ts";
import type { CheckpointFiles } from "./files.ts";

/** A safetensors file of a header, which is written as it is, and data. For tests: the header may claim anything. */
export function safetensorsBytes(header: unknown, data: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const content = typeof data === "number" ? Uint8Array.from({ length: data }, (_, index) => index * 7) : data;
  const bytes = new Uint8Array(8 + text.length + content.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(content, 8 + text.length);
  return bytes;
}

/** A valid file of F32 tensors, by name, each with its numbers. */
export function float32File(tensors: Readonly<Record<string, readonly number[]>>): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const [name, values] of Object.entries(tensors)) {
    const end = offset + 4 * values.length;
    header[name] = { dtype: "F32", shape: [values.length], data_offsets: [offset, end] };
    offset = end;
  }
  return safetensorsBytes(header, new Uint8Array(new Float32Array(Object.values(tensors).flat()).buffer));
}

/** The given contents as a checkpoint; text and JSON values are encoded. */
export function filesOf(contents: Readonly<Record<string, unknown>>): CheckpointFiles {
  const blobs = Object.entries(contents).map(([name, content]) => {
    const isRaw = typeof content === "string" || content instanceof Uint8Array;
    return [name, new Blob([isRaw ? (content as string | Uint8Array<ArrayBuffer>) : JSON.stringify(content)])];
  });
  return openBlobs(Object.fromEntries(blobs));
}
