import { CheckpointError, quoteName } from "../errors.ts";
import { type CheckpointFiles, checkRange } from "../files.ts";
import { inFile } from "../in-file.ts";
import type { TensorIndex } from "../tensors.ts";
import { configOfGguf, generationConfigOfGguf } from "./config.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";
import { readRopeFactors } from "./rope-factors.ts";
import { indexOfGguf } from "./tensors.ts";
import { controlTokensOf, type GgufTokenizer, tokenizerOfGguf } from "./tokenizer.ts";

/** `NAME-00001-of-00003.gguf` */
const partPattern = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** More than any model has. */
const mostParts = 1000;

/** A GGUF file as a checkpoint's folder would be. */
export interface GgufFiles extends CheckpointFiles {
  readonly tensors: TensorIndex;
}

/**
 * Opens a GGUF file, or all parts of one that was split: its configuration, generation settings and tokenizer are there as the files of a Hugging Face checkpoint
 * (`config.json`, `generation_config.json`, `tokenizer.json`, `tokenizer_config.json`), its tensors under their names in one.
 *
 * @param files - the folder that it is in; closed with what this returns
 * @param file - its name; of one that was split any part
 * @throws CheckpointError, InvalidConfigError, UnsupportedError when the file is not there, damaged, or made of what Skein does not have
 */
export async function openGguf(files: CheckpointFiles, file: string): Promise<GgufFiles> {
  const header = await readParts(files, file);
  const ropeFactors = await readRopeFactors(files, header);
  const made = new Map<string, () => unknown>([
    ["config.json", () => configOfGguf(header, ropeFactors)],
    ["generation_config.json", () => generationConfigOfGguf(header, controlTokensOf(header.metadata))],
  ]);
  if (header.metadata.has("tokenizer.ggml.tokens")) {
    // Both files come of one look at all tokens, when the first of them is asked for.
    let known: GgufTokenizer | undefined;
    const tokenizer = (): GgufTokenizer => {
      known ??= tokenizerOfGguf(header.metadata);
      return known;
    };
    made.set("tokenizer.json", () => tokenizer().tokenizer);
    made.set("tokenizer_config.json", () => tokenizer().config);
  }
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  const contentOf = (name: string): Uint8Array<ArrayBuffer> | undefined => {
    const make = made.get(name);
    if (make === undefined) return undefined;
    const known =
      contents.get(name) ?? new TextEncoder().encode(JSON.stringify(inFile(`${file} in ${files.label}`, make)));
    contents.set(name, known);
    return known;
  };
  const { label, realPath, identify } = files;
  return {
    label: `${file} in ${label}`,
    tensors: indexOfGguf(files, header),
    size: async (name) => contentOf(name)?.length,
    read: async (name, start, end) => {
      const content = contentOf(name);
      if (content === undefined) return files.read(name, start, end);
      checkRange(`${name} of ${file}`, content.length, start, end);
      return content.slice(start, end);
    },
    list: async () => [...made.keys()],
    ...(realPath === undefined ? {} : { realPath: `${realPath}/${file}` }),
    // What is made of the header changes with the file.
    ...(identify === undefined ? {} : { identify: (name) => identify(made.has(name) ? file : name) }),
    close: () => files.close(),
  };
}

async function readParts(files: CheckpointFiles, file: string): Promise<GgufHeader> {
  const [, name, , count] = partPattern.exec(file) ?? [];
  if (count === undefined) return readGgufHeader(files, file);
  const parts = Number(count);
  if (parts < 1 || parts > mostParts)
    throw new CheckpointError(
      "invalid_checkpoint",
      `${quoteName(file)} in ${files.label}: there cannot be ${parts} parts`,
    );
  const headers: GgufHeader[] = [];
  for (let part = 1; part <= parts; part++)
    headers.push(await readGgufHeader(files, `${name}-${String(part).padStart(5, "0")}-of-${count}.gguf`));
  const tensors = headers.flatMap((header) => header.tensors);
  const { metadata } = headers[0]!;
  const expected = metadata.get("split.tensors.count");
  if (expected !== undefined && expected !== tensors.length) {
    const message = `${quoteName(file)} in ${files.label}: its parts have ${tensors.length} tensors, not ${String(expected)}`;
    throw new CheckpointError("invalid_checkpoint", message);
  }
  return { metadata, tensors };
}
