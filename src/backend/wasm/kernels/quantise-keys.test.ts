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
        keys[channel * 8 + 1] = 0;
        keys[channel * 8 + 6]! *= 1000;
      }
      const groupBytes = groupHeaderBytes + 8 * width;
      const target = room(groupsPerTile * groupBytes);
      const back = room(keys.byteLength);
      kernels.quantiseKeys!(put(keys), target, width);
      kernels.dequantiseKeys!(target, back, width);
      const view = new DataView(get(Uint8Array, target, groupsPerTile * groupBytes).buffer);
      const dequantised = get(Float32Array, back, keys.length);

      for (let key = 0; key < tileTokens; key++) {
        const at = (channel: number) => (Math.floor(key / 8) * width + channel) * 8 + (key % 8);
        const numbers = Float32Array.from({ length: width }, (_, channel) => keys[at(channel)]!);
        const group = Math.floor(key / 8) * groupBytes;
        const scale = view.getFloat32(group + (key % 8) * 4, true);
        const largest = Math.max(...numbers.map(Math.abs));
        expect(Math.abs(scale - largest / 127)).toBeLessThanOrEqual(largest * 1e-7);
        const bytes = Int32Array.from({ length: width }, (_, channel) =>
          view.getInt8(group + groupHeaderBytes + (Math.floor(channel / 4) * 8 + (key % 8)) * 4 + (channel % 4)),
        );
        expect(view.getInt32(group + 32 + (key % 8) * 4, true)).toBe(0 - queryOffset * bytes.reduce((a, b) => a + b));
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
