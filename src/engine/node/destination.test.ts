import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkDestination } from "./destination.ts";

test("a disk without room is said before anything is written", async () => {
  const destination = { path: join(tmpdir(), "skein-no-such-file.gguf"), overwrite: false, sources: [] };
  await expect(checkDestination({ ...destination, bytes: 1 })).resolves.toBeUndefined();
  const refused = checkDestination({ ...destination, bytes: 2 ** 52 });
  await expect(refused).rejects.toMatchObject({ code: "write_failed" });
  await expect(refused).rejects.toThrow(/needs 4503599627370496 bytes, and the disk has \d+ free/);
});
