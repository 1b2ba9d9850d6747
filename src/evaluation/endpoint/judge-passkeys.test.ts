import { expect, test } from "vitest";
import { wilsonInterval } from "../interval.ts";
import type { AccuracyCell } from "../result.ts";
import type { BehaviourOptions } from "./behaviour-options.ts";
import { judgePasskeys } from "./judge-passkeys.ts";

function cell(length: number, accuracy: number, samples = 20): AccuracyCell {
  const task = { suite: "passkey", task: "passkey", method: "endpoint", factor: 1 } as const;
  return { ...task, length, samples, accuracy, interval: wilsonInterval(accuracy, samples) };
}

test.each([
  [1, 0.05, "passkey_drops"],
  [1, 0.95, "passkey_holds"],
  [1, 0.5, "passkey_unclear"],
  [0.2, 0, "passkey_unclear"], // a model that finds few within its window
  [0.2, 0.2, "passkey_unclear"],
] as const)("%d found within the window and %d beyond: %s", async (inside, beyond, code) => {
  const cells = [cell(128, 0), cell(256, inside), cell(512, 0.5), cell(1024, beyond)];
  const target = { subject: { nativeWindow: 256 } };
  const found = await judgePasskeys({ target, cells } as unknown as BehaviourOptions, 1024);
  expect(found).toEqual({ code, values: { inside, beyond, insideLength: 256, length: 1024, samples: 20 } });
});
