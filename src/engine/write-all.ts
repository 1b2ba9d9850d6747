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
  const sink = typeof target === "string" ? await createFile(target) : sinkOf(target, signal);
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await orAborted(sink.write(piece), signal); // a stream that never takes anything must not hold the session
    }
    await sink.commit();
  } catch (error) {
    await sink.discard(error);
    throw error;
  }
}

interface Sink {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly discard: (reason: unknown) => Promise<void>;
}

function sinkOf(stream: WritableStream<Uint8Array>, signal: AbortSignal | undefined): Sink {
  const writer = stream.getWriter();
  return {
    write: async (bytes) => {
      await writer.ready;
      await writer.write(bytes);
    },
    // Nor must one that never closes. A file gets its place at once, and nobody may be told that it did not.
    commit: () => orAborted(writer.close(), signal),
    // Not waited for: a stream that is stuck may never end.
    discard: async (reason) => void writer.abort(reason).catch(() => {}),
  };
}
