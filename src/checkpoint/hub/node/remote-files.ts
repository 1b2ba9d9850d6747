import { type CheckpointFiles, checkRange, missingFile } from "../../files.ts";
import { HubError } from "../errors.ts";
import type { HubRepository } from "../repository.ts";
import { fileUrl } from "./download-file.ts";
import { subjectOf } from "./read-repository.ts";
import { request } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** A repository's files as they lie on the Hub, read in ranges; nothing is kept. */
export function openRemoteFiles(
  settings: HubSettings,
  repository: HubRepository,
  signal: AbortSignal | undefined,
): CheckpointFiles {
  const files = new Map(repository.files.map((file) => [file.name, file]));
  const { label } = subjectOf(settings, repository);
  return {
    label,
    size: async (name) => files.get(name)?.size,
    list: async () => [...files.keys()],
    read: async (name, start, end) => {
      const file = files.get(name);
      if (file === undefined) throw missingFile(name, label);
      checkRange(`${name} of ${label}`, file.size, start, end);
      const bytes = new Uint8Array(end - start);
      if (bytes.length === 0) return bytes;
      const subject = subjectOf(settings, repository, name);
      const { response, pieces, discard } = await request(settings, {
        url: fileUrl(settings, repository, file),
        headers: { range: `bytes=${start}-${end - 1}` },
        subject,
        kind: "question",
        signal,
      });
      const first = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(response.headers.get("content-range") ?? "")?.[1];
      if (response.status === 206 && Number(first) !== start) {
        await discard();
        throw new HubError(
          "network",
          `${subject.label}: ${subject.host} sent another part than was asked for (from byte ${first ?? "?"} in place of ${start}); name another mirror in HF_ENDPOINT`,
        );
      }
      // A server that ignores ranges sends the file from its beginning.
      let position = response.status === 206 ? start : 0;
      for await (const piece of pieces()) {
        const from = Math.max(start, position);
        const until = Math.min(end, position + piece.length);
        if (from < until) bytes.set(piece.subarray(from - position, until - position), from - start);
        position += piece.length;
        if (position >= end) break;
      }
      if (response.status !== 416 && position >= end) return bytes;
      throw new HubError(
        "network",
        `${subject.label}: ${subject.host} sent less than the ${bytes.length} bytes that were asked for; try again`,
      );
    },
    close: async () => {},
  };
}
