import { SkeinError } from "../../index.ts";
import { parseEvaluation } from "../read-result.ts";
import type { EvaluationResult } from "../result.ts";
import { openToRead } from "./open-to-read.ts";

/** A result with a million samples is smaller. */
const mostBytes = 256 * 2 ** 20;

/**
 * Reads a file that holds what `skein evaluate --json` printed.
 *
 * @throws SkeinError (code `read_failed`) with the path, where it cannot be read or is too large
 * @throws SkeinError (code `invalid_result`) with the path and the field at fault; the signal's reason
 */
export async function readEvaluation(path: string, signal?: AbortSignal): Promise<EvaluationResult> {
  return parseEvaluation(await readBounded(path, signal), path);
}

async function readBounded(path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Pipes and devices have no size to ask for.
    for await (const chunk of await openToRead(path, signal)) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error(`it is larger than ${mostBytes / 2 ** 20} MiB`);
      chunks.push(chunk);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    signal?.throwIfAborted();
    const why = error instanceof TypeError ? "it is no text in UTF-8" : (error as Error).message;
    throw new SkeinError("read_failed", `${path} cannot be read as a result: ${why}`, { cause: error });
  }
}
