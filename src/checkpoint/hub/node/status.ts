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

/** An answer that is an error. */
export interface ExplainedStatus {
  readonly error: HubError;
  /** Whether the same request may succeed later. */
  readonly mayPass: boolean;
  /** Milliseconds, where the server says how long that takes. */
  readonly wait?: number;
}

/**
 * Says in one line what is wrong, and what to do. Reads the body.
 *
 * @see https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py
 */
export async function explainStatus(
  response: Response,
  subject: Subject,
  settings: HubSettings,
): Promise<ExplainedStatus> {
  const { status, headers } = response;
  const said = headers.get("x-error-message") ?? (await readMessage(response));
  const wait = waitOf(headers);
  const { host } = new URL(response.url);
  const isStorage = host !== subject.host;
  // Where files lie nobody knows of tokens and terms: the address that the Hub gave may only have grown old.
  if (status >= 500 || status === 408 || status === 429 || isStorage) {
    const error = status === 429 ? rateLimited(subject, settings, wait) : failing(status, host, subject, said);
    return { error, mayPass: true, ...(wait === undefined ? {} : { wait }) };
  }
  return { error: refused(status, headers.get("x-error-code"), said, subject, settings), mayPass: false };
}

function refused(status: number, code: string | null, said: string, subject: Subject, settings: HubSettings): HubError {
  const { token, endpoint } = settings;
  const { label, host } = subject;
  const isExplained = code !== null && explained.includes(code);
  if (code === "GatedRepo" || (status === 403 && !isExplained)) return gated(status, subject, settings, said);
  if (!isExplained && status === 401 && token !== undefined && /credential|token|username/i.test(said)) {
    return new HubError(
      "unauthorized",
      `${label}: ${host} does not accept the token of ${token.origin}; make a new one at ${endpoint}/settings/tokens`,
    );
  }
  if (isExplained || status === 401 || status === 404 || status === 410)
    return notFound(code, status, subject, settings);
  return new HubError("network", `${label}: ${host} answered ${status}${quoted(said)}; check HF_ENDPOINT`);
}

function failing(status: number, host: string, subject: Subject, said: string): HubError {
  const where = host === subject.host ? host : `${host}, where ${subject.host} keeps it,`;
  return new HubError(
    "network",
    `${subject.label}: ${where} answered ${status}${quoted(said)}; try again later, or name a mirror in HF_ENDPOINT`,
  );
}

function rateLimited({ label, host }: Subject, { token }: HubSettings, wait: number | undefined): HubError {
  const time = wait === undefined ? "" : ` for ${Math.ceil(wait / 1000)} s`;
  const remedy = token === undefined ? ", or give a token in HF_TOKEN, with which it allows more" : "";
  return new HubError("rate_limited", `${label}: ${host} wants fewer requests${time}; try again later${remedy}`);
}

function quoted(said: string): string {
  return said === "" ? "" : ` (${quoteName(said)})`;
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

function notFound(code: string | null, status: number, subject: Subject, settings: HubSettings): HubError {
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
