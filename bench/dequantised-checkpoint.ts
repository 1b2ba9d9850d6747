import { copyFile, open } from "node:fs/promises";
import { join } from "node:path";
import { readJson } from "../src/checkpoint/files.ts";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { dequantised, quantiseQ4, quantiseQ8 } from "../src/checkpoint/quantise.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { expectedTensors, parseModelConfig } from "../src/model/config.ts";
import { describeTensors, type Tensor } from "./synthetic-checkpoint.ts";
import { reuseOrWrite } from "./whole-folder.ts";

export interface DequantiseOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file that is written. */
  readonly onProgress?: (completed: number, total: number) => void;
}

/** Changes whenever other bytes are written for the same checkpoint. */
const version = 1;

/**
 * A checkpoint whose numbers, in float32, are those that 4-bit weights stand for, and 8-bit ones in the embedding and output matrices. Quantised once more
 * they stay what they are, so that a backend with 4-bit weights and one that computes with float32 have the same. Written once, reused while it is whole.
 *
 * @param checkpoint - a folder
 * @returns the new one's folder, beside it
 * @throws the signal's reason; nothing stays behind then
 */
export async function dequantiseCheckpoint(checkpoint: string, options: DequantiseOptions = {}): Promise<string> {
  const { signal, onProgress } = options;
  const files = await openDirectory(checkpoint);
  try {
    const config = parseModelConfig(await readJson(files, "config.json"));
    const index = await openTensors(files);
    const tensors: readonly Tensor[] = [...expectedTensors(config)].map(([name, shape]) => ({
      name,
      shape,
      length: shape.reduce((product, size) => product * size, 1),
    }));
    const { header, dataBytes } = describeTensors(tensors, "F32");
    const total = header.length + dataBytes;
    const contents = { version: `${version}, ${checkpoint}`, files: { "model.safetensors": total } };
    return await reuseOrWrite(`${checkpoint}-dequantised`, contents, async (folder) => {
      await copyFile(join(checkpoint, "config.json"), join(folder, "config.json"));
      const file = await open(join(folder, "model.safetensors"), "wx");
      try {
        await file.writeFile(header);
        let completed = header.length;
        for (const { name, shape } of tensors) {
          signal?.throwIfAborted();
          const numbers = await index.readFloat32(name);
          const [, inputs] = shape;
          const quantise = name.startsWith("model.layers.") ? quantiseQ4 : quantiseQ8;
          const data = inputs === undefined ? numbers : dequantised(numbers, inputs, quantise);
          await file.writeFile(new Uint8Array(data.buffer));
          completed += data.byteLength;
          onProgress?.(completed, total);
        }
      } finally {
        await file.close();
      }
    });
  } finally {
    await files.close();
  }
}
