/** Where a model is on a server: a folder, and the GGUF file in it when the address names one. */
export interface ModelAddress {
  readonly folder: URL;
  readonly file?: string;
}

/** @param url - a checkpoint's folder, or a GGUF file */
export function readModelAddress(url: URL): ModelAddress {
  const [, folder, file] = /^(.*\/)([^/]+\.gguf)$/i.exec(url.pathname) ?? [];
  if (folder === undefined || file === undefined) return { folder: url };
  const parent = new URL(url);
  parent.pathname = folder;
  return { folder: parent, file: decodeURIComponent(file) };
}
