import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32, v128 } from "../builder/values.ts";
import { mostRows, queryRecord, stateRecord } from "./row-records.ts";
import { advanceQuery } from "./row-variants.ts";
import { lowestScore } from "./softmax-state.ts";

/** Makes state records for `records` query records, such as they are before any key has been seen. */
export const clearStates: Kernel = defineKernel(
  "clearStates",
  { queries: "address", states: "address", records: "i32", width: "i32" },
  (code, { queries, states, records, width }) => {
    const query = code.local("address", queries);
    const state = code.local("address", states);
    const lowest = code.constant(f32x4.const(lowestScore));
    code.repeat(records, () => {
      for (const offset of [0, 16]) {
        code.store(state, lowest, stateRecord.maxima + offset);
        code.store(state, v128.zero, stateRecord.sums + offset);
      }
      code.storeI32(state, code.loadI32(query, queryRecord.rows), stateRecord.rows);
      code.advance(state, stateRecord.values);
      code.repeat(i32.mul(i32.shrU(width, i32.const(2)), i32.const(mostRows)), () => {
        code.store(state, v128.zero);
        code.advance(state, 16);
      });
      advanceQuery(code, query, width);
    });
  },
);
