import { defineKernel, type Kernel } from "../builder/kernel.ts";
import { f32x4, i32 } from "../builder/values.ts";
import { stateRecord } from "./row-records.ts";
import { advanceState } from "./row-variants.ts";
import { channelsPerGroup } from "./tile-layout.ts";

/**
 * Writes what attention gives for the rows of an item: the weighted sums of values, each divided by the sum of its weights.
 *
 *   states   `records` state records
 *   output   f32, the first token's and head's row; `stride` bytes from token to token, `group` heads side by side
 */
export const writeAttention: Kernel = defineKernel(
  "writeAttention",
  { states: "address", output: "address", stride: "i32", records: "i32", group: "i32", headDim: "i32", width: "i32" },
  (code, { states, output, stride, records, group, headDim, width }) => {
    const state = code.local("address", states);
    const token = code.local("address", output);
    const head = code.local("i32", i32.const(0));
    const target = code.local("address", output);
    const rows = code.local("i32");
    code.repeat(records, () => {
      code.set(rows, code.loadI32(state, stateRecord.rows));
      const row = code.local("address", state);
      const values = code.local("address", code.offset(state, stateRecord.values));
      const rowBytes = code.local("i32", i32.mul(rows, i32.const(channelsPerGroup * 4)));
      code.repeat(rows, () => {
        const sum = code.local("v128", code.loadSplat32(row, stateRecord.sums));
        const from = code.local("address", values);
        const vector = code.local("v128");
        code.repeat(i32.divU(headDim, i32.const(channelsPerGroup)), () => {
          const numbers = [0, 16].map((lane) => code.local("v128", code.load(from, lane)));
          code.storePair(
            target,
            numbers.map((four) => f32x4.div(four, sum)),
          );
          code.advance(from, rowBytes);
          code.advance(target, channelsPerGroup * 4);
        });
        code.if(i32.and(headDim, i32.const(4)), () => {
          code.store(target, f32x4.div(code.load(from), sum));
          code.advance(from, 16);
          code.advance(target, 16);
        });
        code.if(i32.and(headDim, i32.const(3)), () => {
          code.set(vector, f32x4.div(code.load(from), sum));
          for (let lane = 0; lane < 3; lane++) {
            code.if(i32.gtS(i32.and(headDim, i32.const(3)), i32.const(lane)), () => {
              code.store32Lane(target, vector, lane);
              code.advance(target, 4);
            });
          }
        });
        code.set(head, i32.add(head, i32.const(1)));
        code.if(i32.eq(head, group), () => {
          code.set(head, i32.const(0));
          code.advance(token, stride);
          code.set(target, token);
        });
        code.advance(row, 4);
        code.advance(values, channelsPerGroup * 4);
      });
      advanceState(code, state, width);
    });
  },
);
