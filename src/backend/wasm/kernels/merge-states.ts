import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32, type Value } from "../builder/values.ts";
import { powerOfTwo } from "./exponential.ts";
import { stateRecord } from "./row-records.ts";
import { advanceState } from "./row-variants.ts";
import { channelsPerGroup } from "./tile-layout.ts";

/**
 * Takes the states of a span into those of the spans before it, row by row.
 *
 *   totals   `records` state records; changed
 *   spans    as many state records
 */
export const mergeStates: Kernel = defineKernel(
  "mergeStates",
  { totals: "address", spans: "address", records: "i32", width: "i32" },
  (code, { totals, spans, records, width }) => {
    const total = code.local("address", totals);
    const span = code.local("address", spans);
    const rows = code.local("i32");
    code.repeat(records, () => {
      code.set(rows, code.loadI32(total, stateRecord.rows));
      const stride = code.local("i32", i32.mul(rows, i32.const(channelsPerGroup * 4)));
      const totalRow = code.local("address", total);
      const spanRow = code.local("address", span);
      const totalValues = code.local("address", code.offset(total, stateRecord.values));
      const spanValues = code.local("address", code.offset(span, stateRecord.values));
      code.repeat(rows, () => {
        const first = code.local("v128", code.loadSplat32(totalRow, stateRecord.maxima));
        const second = code.local("v128", code.loadSplat32(spanRow, stateRecord.maxima));
        const maximum = code.local("v128", f32x4.pmax(first, second));
        const keep = code.local("v128", powerOfTwo(code, f32x4.sub(first, maximum)));
        const part = code.local("v128", powerOfTwo(code, f32x4.sub(second, maximum)));
        const join = (a: Value<"v128">, b: Value<"v128">) => code.multiplyAdd(b, part, f32x4.mul(a, keep));

        const sum = join(code.loadSplat32(totalRow, stateRecord.sums), code.loadSplat32(spanRow, stateRecord.sums));
        code.store32Lane(totalRow, sum, 0, stateRecord.sums);
        code.store32Lane(totalRow, maximum, 0, stateRecord.maxima);
        const a = code.local("address", totalValues);
        const b = code.local("address", spanValues);
        code.repeat(i32.divU(width, i32.const(channelsPerGroup)), () => {
          const old = [0, 16].map((lane) => code.local("v128", code.load(a, lane)));
          const added = [0, 16].map((lane) => code.local("v128", code.load(b, lane)));
          code.storePair(
            a,
            old.map((vector, i) => join(vector, added[i]!)),
          );
          code.advance(a, stride);
          code.advance(b, stride);
        });
        for (const address of [totalRow, spanRow]) code.advance(address, 4);
        for (const address of [totalValues, spanValues]) code.advance(address, channelsPerGroup * 4);
      });
      advanceState(code, total, width);
      advanceState(code, span, width);
    });
  },
);
