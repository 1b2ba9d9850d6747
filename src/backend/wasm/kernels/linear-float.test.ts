import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import {
  linearBfloat16Row,
  linearBfloat16Rows,
  linearFloat16Row,
  linearFloat16Rows,
  linearFloat32Row,
  linearFloat32Rows,
} from "./linear-float.ts";
import { inexactProducts } from "./linear-harness.ts";

const kernels = [
  linearFloat32Row,
  linearFloat32Rows,
  linearFloat16Row,
  linearFloat16Rows,
  linearBfloat16Row,
  linearBfloat16Rows,
];

for (const harness of await kernelHarnesses(kernels)) {
  test.for(["f32", "f16", "bf16"] as const)(
    `${harness.name}: products with weights of %s are exact but for rounding`,
    (type) => {
      expect(inexactProducts(harness, type)).toEqual([]);
    },
  );
}
