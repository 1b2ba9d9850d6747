import type { Rolldown } from "tsdown";

const importing = /await import\("\.\/FileBlob[^"]*"\)/;

/**
 * Takes the reader of local files out of the reader of GGUF headers, which gets its bytes from us. It would be a file of its own, and bundlers of pages do not
 * cut workers into several.
 */
export function withoutFileBlob(): Rolldown.Plugin {
  return {
    name: "without-file-blob",
    transform: {
      filter: { id: /node_modules.@huggingface.gguf\b/, code: importing },
      handler: (code) => code.replace(importing, "{}"),
    },
  };
}
