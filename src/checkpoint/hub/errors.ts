import { SkeinError } from "../../errors.ts";

/**
 * What went wrong with the Hub, or with its cache on disk:
 * - `not_found`: no such repository, revision or file, or none that this token may see;
 * - `not_cached`: it is not in the cache, and downloading was not asked for, or is turned off;
 * - `unauthorized`: the token is missing or was refused;
 * - `gated`: the model's terms have to be accepted first;
 * - `rate_limited`: the server wants fewer requests;
 * - `network`: the server cannot be reached, broke off, or answered with an error;
 * - `damaged_download`: what came is not what the Hub says the file is;
 * - `disk_full`, `write_failed`: the disk would not take it;
 * - `busy`: another process is downloading what is to be removed.
 */
export type HubErrorCode =
  | "not_found"
  | "not_cached"
  | "unauthorized"
  | "gated"
  | "rate_limited"
  | "network"
  | "damaged_download"
  | "disk_full"
  | "write_failed"
  | "busy";

/** A model that cannot be had from the Hub. */
export class HubError extends SkeinError {
  override readonly name: string = "HubError";
  declare readonly code: HubErrorCode;

  constructor(code: HubErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
