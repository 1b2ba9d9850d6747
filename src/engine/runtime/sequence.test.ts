import { expect, test } from "vitest";
import { createReferenceBackend } from "../../backend/reference/reference.ts";
import { BlockPool } from "../../cache/block-pool.ts";
import { chooseEncoding } from "../../context/encoding.ts";
import { resolveContext } from "../../context/settings.ts";
import { SkeinError } from "../../errors.ts";
import { Sequence } from "./sequence.ts";

const blockTokens = 8;
const config = { model_type: "qwen2", head_dim: 8, max_position_embeddings: 64, rope_theta: 1e4 };
const context = { options: {}, settings: resolveContext(config, { extend: "yarn", factor: 4 }) };

test("keys that could be turned in part only count for nothing, and the tokens are all there", () => {
  const layout = { layers: 1, keyValueHeads: 1, headDim: 8, blockTokens, type: "f32" } as const;
  const store = createReferenceBackend().createBlockStore(layout);
  const rerotate = store.rerotate.bind(store);
  let turned = 0;
  store.rerotate = (block, turn) => {
    if (++turned === 3) throw new SkeinError("out_of_memory", "no memory");
    rerotate(block, turn);
  };
  const pool = new BlockPool(store);
  const sequence = new Sequence(config, pool, context);
  sequence.push(Array.from({ length: 40 }, (_, i) => i));
  sequence.cache.reserve(40);
  sequence.cache.advance(40);
  const before = sequence.encoding;
  expect(() => sequence.adopt(chooseEncoding(context.settings, 2), "rerotate")).toThrow("no memory");
  expect(turned).toBe(3);
  expect([sequence.cache.length, sequence.length, pool.blocksInUse]).toEqual([0, 40, 0]);
  expect(sequence.encoding).toBe(before);
});
