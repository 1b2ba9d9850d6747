import { UnsupportedError } from "../errors.ts";
import { CheckpointError } from "./errors.ts";

/** How much of a file's beginning is enough to tell what it is, in bytes. */
export const TELLING_BYTES: number = 512;

/** Names of Python's pickles of weights, and those that may be names of something else, too. */
const certainPickleName = /(\.(pt|pth|ckpt|pkl|pickle)|(pytorch|adapter)_model[^/\\]*\.bin)$/i;
const pickleName = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i;

/** What trainers leave beside weights. */
const noWeights = /^(training_args|optimizer|scheduler|scaler|rng_state)/;

/** Whether a name may be one of weights in Python's pickle format. */
export function isPickleName(name: string): boolean {
  return pickleName.test(name) && !noWeights.test(name) && !/[\\:\p{C}]/u.test(name);
}

/** What is said of a file that was given in the place of a model's folder; undefined when it can be anything. */
export function explainGivenFile(start: Uint8Array, path: string): CheckpointError | UnsupportedError | undefined {
  if (/\.safetensors$/i.test(path)) return undefined;
  const isPickle = certainPickleName.test(path);
  return explainForeignFile(start, path) ?? (isPickle ? refusePickle(`${path} is a file of weights`) : undefined);
}

/**
 * What a file is that is not what its name says, and what to do about it.
 *
 * @param start - its first bytes: {@link TELLING_BYTES}, at least 8, or all of it
 * @param where - the file, for the message
 * @returns undefined when it is nothing that can be told
 */
export function explainForeignFile(start: Uint8Array, where: string): CheckpointError | UnsupportedError | undefined {
  const text = String.fromCharCode(...start.subarray(0, TELLING_BYTES));
  const invalid = (what: string) => new CheckpointError("invalid_checkpoint", `${where} ${what}`);
  if (text.length >= 8 && text.startsWith("version https://git-lfs".slice(0, text.length)))
    return invalid("is only git's pointer to the file; run `git lfs install && git lfs pull` in its folder");
  if (/^\s*<(!doctyp|html|\?xml)/i.test(text))
    return invalid("is a web page, not the file: what was downloaded is an error or a login; download it again");
  if (text.startsWith("GGUF")) return invalid("is a GGUF file by its content; give it a name that ends in .gguf");
  if (text.startsWith("\x1f\x8b")) return invalid("is compressed (gzip); unpack it");
  if (isSafetensors(start)) return invalid("is a safetensors file by its content; name it model.safetensors");
  // torch.save writes a zip archive with a pickle in it, or, before 2020, a bare pickle.
  if (text.startsWith("PK\x03\x04") || isPickle(start)) return refusePickle(`${where} is a pickle`);
  return undefined;
}

/** What is said of every file in Python's pickle format. */
export const pickleDanger =
  "a format that can run code (Python's pickle: whatever program is in the file runs when it is read), and is never opened";

const convertModel =
  "use a version with safetensors files (the Hub makes one: https://huggingface.co/spaces/safetensors/convert), or convert it where you trust it: " +
  `python -c "import sys, transformers as t; t.AutoModelForCausalLM.from_pretrained(sys.argv[1], torch_dtype='auto').save_pretrained(sys.argv[2])" FOLDER NEW_FOLDER`;

/**
 * The refusal of weights in Python's pickle format.
 *
 * @param what - the file, and what it is, for the message
 * @param remedy - what to do; that for a model unless given
 */
export function refusePickle(what: string, remedy: string = convertModel): UnsupportedError {
  return new UnsupportedError(`${what}, ${pickleDanger}; ${remedy}`);
}

/** Protocol 2 to 5, and the beginning of a value. */
function isPickle([first, protocol = 0, value = 0]: Uint8Array): boolean {
  return (
    first === 0x80 && protocol >= 2 && protocol <= 5 && (value >= 0x80 || "}](cX".includes(String.fromCharCode(value)))
  );
}

/** A size of a header that may be, and the object that it begins. */
function isSafetensors(start: Uint8Array): boolean {
  if (start.length < 10 || start[8] !== 0x7b) return false;
  const size = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return size >= 2n && size <= 100_000_000n;
}
