import { stat } from "node:fs/promises";

/** @returns whether something is there that is not a folder */
export async function isNotAFolder(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOTDIR"; // below a file
  }
}
