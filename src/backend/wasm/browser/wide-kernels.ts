export const wideNeeds = "Node";
export const notWide = "";

/** @returns false: V8's flags are not a page's to set */
export function canWiden(): boolean {
  return false;
}

/** @returns undefined */
export async function loadWideKernels(): Promise<undefined> {}
