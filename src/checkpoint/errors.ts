import { SkeinError } from "../errors.ts";

/**
 * What went wrong with a checkpoint:
 * - `not_found`: a folder, file or tensor that is not there;
 * - `invalid_checkpoint`: a file whose content cannot be followed (damage, or not what its name says);
 * - `permission_denied`, `read_failed`, `network`: the storage would not give it;
 * - `out_of_memory`: a tensor larger than this machine or browser can hold;
 * - `closed`: a read after `close()`.
 */
export type CheckpointErrorCode =
  | "not_found"
  | "invalid_checkpoint"
  | "permission_denied"
  | "read_failed"
  | "network"
  | "out_of_memory"
  | "closed";

/** A checkpoint that cannot be opened, read or trusted. */
export class CheckpointError extends SkeinError {
  override readonly name: string = "CheckpointError";
  declare readonly code: CheckpointErrorCode;

  constructor(code: CheckpointErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** The longest name that a message shows in full. */
const SHOWN_LENGTH = 100;

/**
 * A name from an untrusted file, fit for a message: quoted, of bounded length, and with nothing in it that could break
 * the line or steer a terminal (control and direction characters are escaped).
 */
export function quoteName(name: string): string {
  const shown = name.length > SHOWN_LENGTH ? `${name.slice(0, SHOWN_LENGTH)}…` : name;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
