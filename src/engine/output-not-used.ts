import { isWeightType } from "../checkpoint/safetensors.ts";
import type { TensorIndex } from "../checkpoint/tensors.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Warning } from "./options.ts";

const output = "lm_head.weight";

/**
 * Some checkpoints with tied embeddings hold a copy of them as the output matrix. Where it is no copy, the configuration is followed, as transformers 4
 * does; 5 takes the matrix. Some rows are compared: a matrix that was trained on its own differs in all of them.
 *
 * @returns what is to be said about an output matrix that is not used
 * @throws CheckpointError when a row cannot be read
 * @see https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/modeling_utils.py (`tie_weights`)
 */
export async function outputNotUsed(index: TensorIndex, config: ModelConfig): Promise<Warning[]> {
  const entry = config.tie_word_embeddings && index.entry(output);
  if (!entry) return [];
  const { vocab_size: rows, hidden_size: size } = config;
  const read = async (name: string, row: number): Promise<string> =>
    String(await index.readFloat32(name, row * size, (row + 1) * size));
  const isReadable = entry.shape.join() === `${rows},${size}` && isWeightType(entry.dtype);
  for (const row of [0, rows >> 2, rows >> 1, rows - 1]) {
    if (!isReadable || (await read(output, row)) !== (await read("model.embed_tokens.weight", row)))
      return [
        {
          code: "output_matrix_not_used",
          message: `tie_word_embeddings in config.json stands for model.embed_tokens.weight: ${output}, which is no copy of it, is not used`,
        },
      ];
  }
  return [];
}
