import { quoteName } from "../../errors.ts";
import { HubError } from "../errors.ts";
import type { HubSettings } from "./settings.ts";

/** What a request is about, for messages. */
export interface Subject {
  /** `Qwen/Qwen2-7B@main`, or a file of it. */
  readonly label: string;
  readonly repository: string;
  readonly revision: string;
  /** The host that requests start at. */
  readonly host: string;
}

/** What the Hub says in `X-Error-Code`. */
const explained = ["RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo", "DisabledRepo"];

/**
 * An answer that is an error, in one line that says what to do. Reads the body.
 *
 * @returns the error, whether the same request may succeed later, and, where the server says so, after how many milliseconds
 * @see https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py
 */
export async function explainStatus(
  response: Response,
  subject: Subject,
  settings: HubSettings,
): Promise<{ readonly error: HubError; readonly mayPass: boolean; readonly wait?: number }> {
  const { status, headers } = response;
  const said = headers.get("x-error-message") ?? (await readMessage(response));
  const code = explained.find((known) => known === headers.get("x-error-code"));
  const fail = (error: HubError): { error: HubError; mayPass: boolean } => ({ error, mayPass: false });
  if (code === "GatedRepo" || (status === 403 && code === undefined))
    return fail(gated(status, subject, settings, said));
  if (status === 429) {
    const wait = waitOf(headers);
    const error = new HubError(
      "rate_limited",
      `${subject.label}: ${subject.host} wants fewer requests${
        wait === undefined ? "" : ` for ${Math.ceil(wait / 1000)} s`
      }; try again later${settings.token ? "" : ", or give a token in HF_TOKEN, with which it allows more"}`,
    );
    return { error, mayPass: true, ...(wait === undefined ? {} : { wait }) };
  }
  if (code === undefined && status === 401 && settings.token !== undefined && /credential|token|username/i.test(said)) {
    return fail(
      new HubError(
        "unauthorized",
        `${subject.label}: ${subject.host} does not accept the token of ${settings.token.origin}; make a new one at ${settings.endpoint}/settings/tokens`,
      ),
    );
  }
  if (code !== undefined || status === 401 || status === 404 || status === 410)
    return fail(notFound(code, status, subject, settings));
  const answered = `${subject.label}: ${subject.host} answered ${status}${said === "" ? "" : ` (${quoteName(said)})`}`;
  const mayPass = status >= 500 || status === 408;
  const wait = mayPass ? waitOf(headers) : undefined;
  return {
    error: new HubError(
      "network",
      `${answered}; ${mayPass ? "try again later, or name a mirror in HF_ENDPOINT" : "check HF_ENDPOINT"}`,
    ),
    mayPass,
    ...(wait === undefined ? {} : { wait }),
  };
}

function gated(status: number, { label, repository, host }: Subject, settings: HubSettings, said: string): HubError {
  const page = `${settings.endpoint}/${repository}`;
  const { token } = settings;
  if (status === 403 && token !== undefined && /token|scope|permission/i.test(said))
    return new HubError(
      "gated",
      `${label}: the token of ${token.origin} may not read it (${quoteName(said)}); give it the permission to read gated repositories`,
    );
  return new HubError(
    "gated",
    token === undefined
      ? `${label}: ${host} gives it only to those who accepted its terms; accept them at ${page}, and give a token in HF_TOKEN`
      : `${label}: the account of the token in ${token.origin} has no access; accept the model's terms at ${page}, and wait where its authors have to agree`,
  );
}

function notFound(code: string | undefined, status: number, subject: Subject, settings: HubSettings): HubError {
  const { label, repository, revision, host } = subject;
  if (code === "RevisionNotFound")
    return new HubError(
      "not_found",
      `${repository}: ${host} has no branch, tag or commit ${quoteName(revision)} of it`,
    );
  if (code === "EntryNotFound") return new HubError("not_found", `${label}: ${host} has no such file`);
  if (code === "DisabledRepo") return new HubError("not_found", `${label}: ${host} has disabled this repository`);
  // The Hub answers 401 for what is not there when nobody says who asks: it does not tell whether it is private.
  if (settings.token !== undefined || status === 404)
    return new HubError(
      "not_found",
      `${label}: ${host} has no such repository, or none that ${settings.token ? `the token of ${settings.token.origin}` : "everybody"} may see; check its name`,
    );
  return new HubError(
    "unauthorized",
    `${label}: ${host} has no such repository, or a private one; check its name, or give a token in HF_TOKEN`,
  );
}

/** @returns milliseconds */
function waitOf(headers: Headers): number | undefined {
  const after = headers.get("retry-after");
  if (after !== null && /^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const date = after === null ? Number.NaN : Date.parse(after);
  if (Number.isFinite(date)) return Math.max(0, date - Date.now());
  const reset = /;\s*t=(\d{1,9})/.exec(headers.get("ratelimit") ?? "")?.[1];
  return reset === undefined ? undefined : Number(reset) * 1000;
}

/** The server's own words, where it says them in JSON; a bounded piece of them. */
async function readMessage(response: Response): Promise<string> {
  try {
    if (!(response.headers.get("content-type") ?? "").startsWith("application/json")) return "";
    const body: unknown = JSON.parse(await readStart(response));
    const error = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
    return typeof error === "string" ? error.slice(0, 200) : "";
  } catch {
    return "";
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

async function readStart(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let step = await reader?.read(); step?.value !== undefined; step = await reader?.read()) {
    text += decoder.decode(step.value, { stream: true });
    if (text.length > 10_000) break;
  }
  reader?.releaseLock();
  return text;
}
