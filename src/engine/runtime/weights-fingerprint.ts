import type { WeightSpace, WeightSpec } from "../../backend/backend.ts";
import { digestTensor, fingerprintModel } from "../../checkpoint/fingerprint.ts";

/**
 * What ties saved sessions to weights as they are in memory: all of them are read when it is first asked for.
 *
 * @param identity - what else tells them from others, as JSON
 */
export function weightsFingerprint(
  identity: unknown,
  specs: readonly WeightSpec[],
  space: WeightSpace,
): () => Promise<string> {
  let fingerprint: Promise<string> | undefined;
  const compute = async (): Promise<string> => {
    const digests = [];
    for (const [i, spec] of specs.entries()) digests.push(await digestTensor(spec, space.contents(i)));
    return fingerprintModel(identity, digests);
  };
  return () => {
    fingerprint ??= compute();
    return fingerprint;
  };
}
