import { expect, test } from "vitest";
import { dequantiseKeys } from "./dequantise-keys.ts";
import { inputKinds, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { quantiseKeys } from "./quantise-keys.ts";
import { groupHeaderBytes, groupsPerTile, queryOffset, tileTokens } from "./tile-layout.ts";

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([quantiseKeys, dequantiseKeys])) {
  test.for(inputKinds)(`${name}: %s keys are rounded to bytes, and back`, (kind) => {
    for (const width of [16, 48, 128]) {
      clear();
      const keys = inputs(kind, tileTokens * width);
      // A key of zeros among others, and one that is far larger.
      for (let channel = 0; channel < width; channel++) {
        keys[channel * 4 + 1] = 0;
        keys[channel * 4 + 2]! *= 1000;
      }
      const groupBytes = groupHeaderBytes + 4 * width;
      const target = room(groupsPerTile * groupBytes);
      const back = room(keys.byteLength);
      kernels.quantiseKeys!(put(keys), target, width);
      kernels.dequantiseKeys!(target, back, width);
      const view = new DataView(get(Uint8Array, target, groupsPerTile * groupBytes).buffer);
      const dequantised = get(Float32Array, back, keys.length);

      for (let key = 0; key < tileTokens; key++) {
        const at = (channel: number) => (Math.floor(key / 4) * width + channel) * 4 + (key % 4);
        const numbers = Float32Array.from({ length: width }, (_, channel) => keys[at(channel)]!);
        const group = Math.floor(key / 4) * groupBytes;
        const scale = view.getFloat32(group + (key % 4) * 4, true);
        const largest = Math.max(...numbers.map(Math.abs));
        expect(Math.abs(scale - largest / 127)).toBeLessThanOrEqual(largest * 1e-7);
        const bytes = Int32Array.from({ length: width }, (_, channel) =>
          view.getInt8(group + groupHeaderBytes + (Math.floor(channel / 4) * 4 + (key % 4)) * 4 + (channel % 4)),
        );
        expect(view.getInt32(group + 16 + (key % 4) * 4, true)).toBe(0 - queryOffset * bytes.reduce((a, b) => a + b));
        expect(Math.max(...bytes.map(Math.abs))).toBe(largest === 0 ? 0 : 127);
        const errors = numbers.map((x, channel) => Math.abs(bytes[channel]! * scale - x) / (scale || 1));
        expect(Math.max(...errors)).toBeLessThan(0.5001);
        expect(Float32Array.from(numbers, (_, channel) => dequantised[at(channel)]!)).toEqual(
          Float32Array.from(bytes, (byte) => byte * scale),
        );
      }
    }
  });
}
