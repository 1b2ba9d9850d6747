/**
 * Rows of queries or keys in llama.cpp's order for Llama, which rotates neighbouring channels: row j + h · headRows / 2 of a head becomes row 2j + h. The way back
 * from `tensorReader`.
 *
 * @param rows - of whole heads
 * @param headRows - rows of a head
 * @param rowBytes - bytes of a row
 * @see llama.cpp `convert_hf_to_gguf.py`, `LlamaModel.permute`
 */
export function permuteHeadRows(rows: Uint8Array, headRows: number, rowBytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(rows.length);
  const half = headRows / 2;
  for (let row = 0; row * rowBytes < rows.length; row++) {
    const inHead = row % headRows;
    const moved = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
    out.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), moved * rowBytes);
  }
  return out;
}
