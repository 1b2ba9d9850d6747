import { CheckpointError } from "../../errors.ts";
import { HubError } from "../errors.ts";
import { codeOf } from "./cache-layout.ts";

/** Runs what writes to the cache. @throws HubError in place of the file system's errors */
export async function onDisk<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    const isOurs = error instanceof HubError || error instanceof CheckpointError;
    if (isOurs || !/^E[A-Z0-9]+$/.test(code)) throw error;
    throw describe(code, folder, error);
  }
}

function describe(code: string, folder: string, cause: unknown): HubError {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new HubError(
        "disk_full",
        `${folder}: there is no space left; make room, or name a folder on another disk in HF_HOME. What was downloaded is kept`,
        { cause },
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new HubError(
        "write_failed",
        `${folder} may not be written to (${code}); change its permissions, or name another folder in HF_HOME`,
        { cause },
      );
    default:
      return new HubError("write_failed", `${folder} cannot be written to (${code}); HF_HOME names another folder`, {
        cause,
      });
  }
}
