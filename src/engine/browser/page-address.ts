/** A path in a browser is a path on the page's own server. @returns the address of a folder, or of a GGUF file */
export function pageAddress(path: string): URL {
  return new URL(/(\/|\.gguf)$/i.test(path) ? path : `${path}/`, self.location.href);
}
