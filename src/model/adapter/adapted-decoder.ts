import type { Backend, LowRankPair, LowRankRows, Weight } from "../../backend/backend.ts";
import type { Decoder, DecoderStep, Weights } from "../decoder.ts";

/** An adapter's matrices by the module that they are added to, as `model.layers.0.self_attn.q_proj`. */
export type AdapterMatrices = ReadonlyMap<string, LowRankPair>;

/** Rows that have the same adapter. */
interface AdaptedRows {
  readonly firstRow: number;
  readonly rows: number;
  readonly matrices: AdapterMatrices;
}

/**
 * A decoder whose segments may have adapters: what it multiplies by a module's weight gets the module's matrices of each segment's adapter added. A family
 * file knows nothing of it.
 *
 * @param create - makes the decoder from the operations and weights that it is given
 */
export function createAdaptedDecoder(
  backend: Backend,
  weights: Weights,
  create: (backend: Backend, weights: Weights) => Decoder,
): Decoder {
  const modules = new Map<Weight, string>();
  let inner: readonly AdaptedRows[] = [];
  let outer: readonly AdaptedRows[] = [];
  const named: Weights = (name) => {
    const weight = weights(name);
    modules.set(weight, moduleOf(name));
    return weight;
  };
  const linear: Backend["linear"] = (x, weight, bias, residual) => {
    const y = backend.linear(x, weight, bias, residual);
    if (inner.length === 0) return y;
    const module = modules.get(weight)!;
    const parts: LowRankRows[] = [];
    for (const { firstRow, rows, matrices } of module === outputModule ? outer : inner) {
      const pair = matrices.get(module);
      if (pair) parts.push({ firstRow, rows, pair });
    }
    return parts.length === 0 ? y : backend.addLowRank(y, x, parts);
  };
  const decode = create({ ...backend, linear }, named);
  return (step) => {
    inner = rowsOf(step);
    outer = inner.length === 0 ? [] : outputRowsOf(step);
    return decode(step);
  };
}

/** Of all modules this one alone sees the rows whose logits are wanted. */
const outputModule = "lm_head";

/** The embedding is multiplied by only where it is the output matrix too. */
function moduleOf(weight: string): string {
  const module = weight.replace(/\.weight$/, "");
  return module === "model.embed_tokens" ? outputModule : module;
}

function rowsOf({ segments, adapters = [] }: DecoderStep): AdaptedRows[] {
  return join(segments.map(({ firstRow, rows }, i) => ({ firstRow, rows, matrices: adapters[i] })));
}

function outputRowsOf({ segments, adapters = [], outputRows }: DecoderStep): AdaptedRows[] {
  let segment = 0;
  const single = [...outputRows].map((row, i) => {
    while (row >= segments[segment]!.firstRow + segments[segment]!.rows) segment++;
    return { firstRow: i, rows: 1, matrices: adapters[segment] };
  });
  return join(single);
}

/** Neighbours that have the same adapter are one. */
function join(
  parts: readonly {
    readonly firstRow: number;
    readonly rows: number;
    readonly matrices: AdapterMatrices | undefined;
  }[],
): AdaptedRows[] {
  const joined: AdaptedRows[] = [];
  for (const { firstRow, rows, matrices } of parts) {
    const last = joined.at(-1);
    if (!matrices) continue;
    if (last?.matrices === matrices && last.firstRow + last.rows === firstRow)
      joined[joined.length - 1] = { ...last, rows: last.rows + rows };
    else joined.push({ firstRow, rows, matrices });
  }
  return joined;
}
