import { InvalidOptionError } from "../../index.ts";

/** Where a server's API is. */
export interface Address {
  /** The folder of `completions` and `models`, without a slash at its end. */
  readonly api: string;
  /** The folder of what servers have beside the API, as `tokenize`. */
  readonly root: string;
}

/**
 * @param text - http(s), with a path as `/v1` or none, which means `/v1`
 * @throws InvalidOptionError for anything else: credentials and queries, which hold keys, too
 *
 * @example
 * parseAddress("http://localhost:8000") // { api: "http://localhost:8000/v1", root: "http://localhost:8000" }
 */
export function parseAddress(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new InvalidOptionError("endpoint", "must be an http(s) address, as http://localhost:8000/v1");
  if (url.username !== "" || url.password !== "")
    throw new InvalidOptionError(
      "endpoint",
      "must not carry a user name or password; a key comes from the environment",
    );
  if (url.search !== "" || url.hash !== "")
    throw new InvalidOptionError("endpoint", "must end with its path, as http://localhost:8000/v1, without ? and #");
  const path = url.pathname.replace(/\/+$/, "");
  const api = url.origin + (path === "" ? "/v1" : path);
  return { api, root: api.replace(/\/v\d+$/, "") };
}
