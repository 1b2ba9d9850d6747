import { readBlob } from "../checkpoint/blobs.ts";
import { SkeinError } from "../errors.ts";

/*
 * A saved session: eight letters, the last of them the version of what is in it, then frames, each
 *
 *     | length: u32, little-endian | payload | SHA-256 of (digest of the frame before, 32 zeros at first) + payload |
 *
 * and an empty frame at the end. So damage is found in the frame where it is, a file that was cut off shows, and frames of two files
 * cannot be mixed. The first payload is a JSON header.
 */
const magic = new TextEncoder().encode("SKEINSE2");
const digestBytes = 32;
/** In messages. */
const subject = "this saved session";
const mostHeaderBytes = 2 ** 20;

/** @throws SkeinError (code `unsupported`) where SHA-256 is not to be had: browsers offer it only to pages served over https or from localhost */
export function checkDigest(): void {
  if (crypto.subtle) return;
  throw new SkeinError(
    "unsupported",
    "sessions are saved and restored on pages served over https or from localhost only",
  );
}

/** Turns a header and payloads into the pieces of a file. */
export async function* encodeSnapshot(
  header: object,
  payloads: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let digest = new Uint8Array(digestBytes);
  yield magic.slice();
  for await (const payload of framed(header, payloads)) {
    digest = await chain(digest, payload);
    yield lengthPrefix(payload.length);
    if (payload.length > 0) yield payload;
    yield digest;
  }
}

async function* framed(
  header: object,
  payloads: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new TextEncoder().encode(JSON.stringify(header));
  for await (const payload of payloads) if (payload.length > 0) yield payload;
  yield new Uint8Array(0);
}

/** Reads the payloads of a saved session one by one, each checked before it is handed out. */
export class SnapshotReader {
  readonly #blob: Blob;
  #offset: number = magic.length;
  #digest = new Uint8Array(digestBytes);

  private constructor(blob: Blob) {
    this.#blob = blob;
  }

  /**
   * @returns the reader and the header, unvalidated
   * @throws SkeinError (code `invalid_snapshot`) when this is no saved session, or a damaged one; what {@link checkDigest} and {@link readBlob} throw
   */
  static async open(blob: Blob): Promise<{ readonly reader: SnapshotReader; readonly header: unknown }> {
    checkDigest();
    const start = await readBlob(blob, 0, magic.length, subject);
    if (start.length < magic.length || start.some((byte, i) => byte !== magic[i])) {
      throw new SkeinError(
        "invalid_snapshot",
        "this file is not a session saved by Skein, or one that another version saved; read the document again and save it anew",
      );
    }
    const reader = new SnapshotReader(blob);
    const payload = await reader.next(mostHeaderBytes);
    try {
      return { reader, header: JSON.parse(new TextDecoder().decode(payload)) };
    } catch (error) {
      throw new SkeinError("invalid_snapshot", `the header of ${subject} cannot be read`, { cause: error });
    }
  }

  /**
   * @param most - the size that the payload may have, so that a hostile file cannot ask for memory
   * @throws SkeinError (code `invalid_snapshot`) when the frame is damaged, missing or larger; what {@link readBlob} throws
   */
  async next(most: number): Promise<Uint8Array<ArrayBuffer>> {
    const length = new DataView((await this.#read(4)).buffer).getUint32(0, true);
    if (length > most) throw damaged(`a part of ${length} bytes where at most ${most} are expected`);
    const payload = await this.#read(length);
    const expected = await this.#read(digestBytes);
    const digest = await chain(this.#digest, payload);
    if (digest.some((byte, i) => byte !== expected[i])) throw damaged(`wrong checksum before byte ${this.#offset}`);
    this.#digest = digest;
    return payload;
  }

  /** @throws SkeinError (code `invalid_snapshot`) unless everything was read and nothing follows */
  async end(): Promise<void> {
    await this.next(0);
    if (this.#offset !== this.#blob.size) throw damaged("more bytes than it says");
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#offset + length > this.#blob.size) throw damaged(`it ends at byte ${this.#blob.size}, too early`);
    const bytes = await readBlob(this.#blob, this.#offset, this.#offset + length, subject);
    this.#offset += length;
    return bytes;
  }
}

function damaged(what: string): SkeinError {
  return new SkeinError(
    "invalid_snapshot",
    `${subject} is damaged (${what}); read the document again and save it anew`,
  );
}

async function chain(before: Uint8Array, payload: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const joined = new Uint8Array(before.length + payload.length);
  joined.set(before);
  joined.set(payload, before.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined));
}

function lengthPrefix(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length, true);
  return bytes;
}
