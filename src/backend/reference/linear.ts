import { createMatrix, type Matrix, type Parameter } from "./matrix.ts";

/**
 * x · weightᵀ + bias. Four rows share each weight that is loaded; every row's sum runs over the inputs in the same order, so its bits
 * do not depend on the rows that travel with it.
 *
 * @param x - [rows, in]
 * @param weight - [out, in]
 * @param bias - [out]
 * @returns [rows, out]
 */
export function linear(x: Matrix, weight: Parameter, bias?: Parameter): Matrix {
  const [outputs, inputs] = weight.shape as [number, number];
  const out = createMatrix(x.rows, outputs);
  const wholeGroups = x.rows - (x.rows % 4);
  for (let row = 0; row < wholeGroups; row += 4) fourRows(x.data, row, weight.data, inputs, outputs, out.data);
  for (let row = wholeGroups; row < x.rows; row++) oneRow(x.data, row, weight.data, inputs, outputs, out.data);
  if (bias) {
    for (let row = 0; row < x.rows; row++) {
      for (let o = 0; o < outputs; o++) out.data[row * outputs + o]! += bias.data[o]!;
    }
  }
  return out;
}

function oneRow(
  x: Float32Array,
  row: number,
  w: Float32Array,
  inputs: number,
  outputs: number,
  out: Float32Array,
): void {
  const start = row * inputs;
  for (let o = 0; o < outputs; o++) {
    const base = o * inputs;
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += x[start + i]! * w[base + i]!;
    out[row * outputs + o] = sum;
  }
}

function fourRows(
  x: Float32Array,
  row: number,
  w: Float32Array,
  inputs: number,
  outputs: number,
  out: Float32Array,
): void {
  const a = row * inputs;
  const b = a + inputs;
  const c = b + inputs;
  const d = c + inputs;
  for (let o = 0; o < outputs; o++) {
    const base = o * inputs;
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    for (let i = 0; i < inputs; i++) {
      const value = w[base + i]!;
      sumA += x[a + i]! * value;
      sumB += x[b + i]! * value;
      sumC += x[c + i]! * value;
      sumD += x[d + i]! * value;
    }
    const first = row * outputs + o;
    out[first] = sumA;
    out[first + outputs] = sumB;
    out[first + 2 * outputs] = sumC;
    out[first + 3 * outputs] = sumD;
  }
}
