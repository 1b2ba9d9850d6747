import { UnsupportedError } from "../../../errors.ts";

/**
 * V8's flags are not a page's to set.
 *
 * @returns neither kernels nor a problem
 * @throws UnsupportedError when they are asked for
 */
export async function findWideKernels(
  choice: string,
): Promise<{ readonly module?: WebAssembly.Module; readonly problem?: string }> {
  if (choice === "wide") throw new UnsupportedError("kernels: wide needs Node");
  return {};
}
