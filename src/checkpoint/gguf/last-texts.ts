/** Bytes of a number, by the type of its value. */
const numberBytes: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const [stringType, arrayType] = [8, 9];
/** Behind the magic, the version and the number of tensors. */
const countAt = 16;

/**
 * The text that each value of the metadata ends with, by the value's key; of lists the last one.
 *
 * @param bytes - of a header that was followed already, version 2 or 3: nothing is checked again
 */
export function readLastTexts(bytes: Uint8Array<ArrayBuffer>): ReadonlyMap<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const decoder = new TextDecoder();
  let at = countAt;
  const takeNumber = (size: number): number => {
    at += size;
    return view.getUint32(at - size, true); // the upper half of 64 bits is 0: none is so large
  };
  /** @returns the text, as its bytes */
  const takeText = (): Uint8Array => {
    const length = takeNumber(8);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const takeValue = (type: number): Uint8Array | undefined => {
    if (type === stringType) return takeText();
    if (type === arrayType) return takeList(takeNumber(4), takeNumber(8));
    at += numberBytes[type]!;
    return undefined;
  };
  const takeList = (type: number, length: number): Uint8Array | undefined => {
    let last: Uint8Array | undefined;
    for (let i = 0; i < length; i++) last = takeValue(type);
    return last;
  };
  const texts = new Map<string, string>();
  for (let left = takeNumber(8); left > 0; left--) {
    const key = decoder.decode(takeText());
    const last = takeValue(takeNumber(4));
    if (last) texts.set(key, decoder.decode(last));
  }
  return texts;
}
