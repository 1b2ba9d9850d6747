import { SkeinError } from "../errors.ts";
import { openBlobs } from "./blobs.ts";
import type { CheckpointFiles } from "./files.ts";

/** One file that may hold anything. Reading more than it has fails the test: whoever asks for that would allocate it too. */
export function hostileFile(name: string, bytes: Uint8Array<ArrayBuffer>): CheckpointFiles {
  const inner = openBlobs({ [name]: new Blob([bytes]) });
  return {
    ...inner,
    read: (name, start, end) => {
      if (!(end - start <= bytes.length)) throw new Error(`${end - start} bytes were asked for`);
      return inner.read(name, start, end);
    },
  };
}

/** Whether what is done with a file is refused; any other error than Skein's own fails the test. */
export async function isRefusedBy(read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    if (!/^[^\n\r]{1,1000}$/.test(error.message)) throw new Error(`not one line: ${error.message}`, { cause: error });
    return true;
  }
}
