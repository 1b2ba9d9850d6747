import { orAborted } from "./or-aborted.ts";
import type { AtomicFile } from "./platform.ts";

/**
 * Writes all pieces to a file, which appears whole or not at all, or to a stream, which is closed or aborted.
 *
 * @throws the signal's reason; SkeinError (code `write_failed`)
 */
export async function writeAll(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  target: string | WritableStream<Uint8Array>,
  createFile: (path: string) => Promise<AtomicFile>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sink = typeof target === "string" ? await createFile(target) : sinkOf(target);
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await orAborted(sink.write(piece), signal); // a stream that never takes anything must not hold the session
    }
  } catch (error) {
    await sink.discard(error);
    throw error;
  }
  await sink.commit();
}

interface Sink {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly discard: (reason: unknown) => Promise<void>;
}

function sinkOf(stream: WritableStream<Uint8Array>): Sink {
  const writer = stream.getWriter();
  return {
    write: async (bytes) => {
      await writer.ready;
      await writer.write(bytes);
    },
    commit: () => writer.close(),
    // Not waited for: a stream that is stuck may never end.
    discard: async (reason) => void writer.abort(reason).catch(() => {}),
  };
}
