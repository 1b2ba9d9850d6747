import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "../errors.ts";
import type { HubSettings } from "./settings.ts";
import { explainStatus, type Subject } from "./status.ts";

/** One request to the Hub. */
export interface HubRequest {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is asked for: for messages. */
  readonly subject: Subject;
  /** A question is asked before anything is done, and its failure said soon; a download has come some way, and is worth waiting for. */
  readonly kind: "question" | "download";
  readonly signal: AbortSignal | undefined;
}

/** An answer that can be used: a status of 2xx, or 416. */
export interface HubAnswer {
  readonly response: Response;
  /** What the endpoint itself said about the file, which a redirect to where it lies does not repeat. */
  readonly linked: {
    readonly etag: string | undefined;
    readonly size: number | undefined;
    readonly commit: string | undefined;
  };
  /** The body piece by piece, each within the timeout. */
  readonly pieces: () => AsyncGenerator<Uint8Array>;
  /** In place of reading the body. */
  readonly discard: () => Promise<void>;
}

/** How often the same thing is asked for when the server has a bad moment, and when it cannot be reached at all. */
const mostAttempts = { question: 5, download: 5 };
const mostConnections = { question: 2, download: 8 };
const mostRedirects = 10;
/** The longest that a server may make us wait before the next attempt, and with all attempts together; milliseconds. */
const longestWait = 60_000;
const longestWaits = 120_000;

/**
 * Asks the Hub. Redirects are followed as they are given, and only requests to the endpoint's own host carry the token. What may pass by itself (a lost
 * connection, 429, 5xx) is tried again, after the time that the server names.
 *
 * @throws HubError; the signal's reason
 */
export async function request(settings: HubSettings, asked: HubRequest): Promise<HubAnswer> {
  let waited = 0;
  for (let attempt = 1; ; attempt++) {
    asked.signal?.throwIfAborted();
    const outcome = await attemptRequest(settings, asked);
    if ("response" in outcome) return outcome;
    const wait = outcome.wait ?? Math.min(8000, 250 * 2 ** attempt);
    waited += wait;
    const most = (outcome.isUnreachable ? mostConnections : mostAttempts)[asked.kind];
    if (!outcome.mayPass || attempt >= most || wait > longestWait || waited > longestWaits) throw outcome.error;
    await pause(wait, asked.signal);
  }
}

/** @throws the signal's reason */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  signal?.throwIfAborted();
}

interface Failure {
  readonly error: HubError;
  readonly mayPass: boolean;
  readonly isUnreachable?: true;
  /** Milliseconds, where the server says how long. */
  readonly wait?: number;
}

async function attemptRequest(settings: HubSettings, asked: HubRequest): Promise<HubAnswer | Failure> {
  const { signal, subject } = asked;
  const timeout = asked.kind === "question" ? settings.questionTimeout : settings.downloadTimeout;
  const clock = startClock(timeout, signal);
  try {
    const { response, linked } = await follow(settings, asked, clock.signal);
    if (response.ok || response.status === 416) {
      const discard = async (): Promise<void> => {
        clock.stop();
        await response.body?.cancel();
      };
      return { response, linked, pieces: () => readPieces(response, clock, asked), discard };
    }
    const failure = await explainStatus(response, subject, settings);
    clock.stop();
    return failure;
  } catch (cause) {
    clock.stop();
    signal?.throwIfAborted();
    if (cause instanceof HubError) throw cause;
    return { error: connectionError(asked, cause, clock), mayPass: true, isUnreachable: true };
  }
}

async function follow(
  { endpoint, token }: HubSettings,
  { url: start, method = "GET", headers = {}, subject }: HubRequest,
  signal: AbortSignal,
): Promise<Pick<HubAnswer, "response" | "linked">> {
  const { origin } = new URL(endpoint);
  let url = new URL(start);
  let linked: HubAnswer["linked"] = { etag: undefined, size: undefined, commit: undefined };
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const authorization =
      token !== undefined && url.origin === origin ? { authorization: `Bearer ${token.value}` } : {};
    const response = await fetch(url, {
      method,
      headers: { "user-agent": "skein", "accept-encoding": "identity", ...headers, ...authorization },
      redirect: "manual",
      signal,
    });
    if (url.origin === origin) linked = { ...linked, ...readLinked(response.headers) };
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || response.status === 304 || location === null)
      return { response, linked };
    await response.body?.cancel();
    if (!URL.canParse(location, url)) throw badRedirect(subject, url);
    url = new URL(location, url);
    if (url.protocol !== "https:" && url.protocol !== "http:") throw badRedirect(subject, url);
  }
  throw new HubError("network", `${subject.label}: the server redirects in a circle; check HF_ENDPOINT (${endpoint})`);
}

function badRedirect(subject: Subject, url: URL): HubError {
  return new HubError("network", `${subject.label}: ${url.origin} redirects to what is no http(s) address`);
}

/** Only what is there, so that a later answer of the endpoint does not take away what an earlier one said. */
function readLinked(headers: Headers): Partial<HubAnswer["linked"]> {
  const etag = headers.get("x-linked-etag") ?? headers.get("etag");
  const size = headers.get("x-linked-size");
  const commit = headers.get("x-repo-commit");
  return {
    ...(etag === null ? {} : { etag: etag.replace(/^W\//, "").replaceAll('"', "") }),
    ...(size !== null && /^\d{1,15}$/.test(size) ? { size: Number(size) } : {}),
    ...(commit === null ? {} : { commit }),
  };
}

async function* readPieces(response: Response, clock: Clock, asked: HubRequest): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  let isRead = false;
  try {
    for (;;) {
      clock.restart();
      const step = await reader?.read();
      if (step?.value === undefined) break;
      clock.stop(); // the reader may take its time
      yield step.value;
    }
    isRead = true;
  } catch (cause) {
    asked.signal?.throwIfAborted();
    throw connectionError(asked, cause, clock);
  } finally {
    clock.stop();
    if (!isRead) await reader?.cancel().catch(() => {});
  }
}

function connectionError({ subject, kind }: HubRequest, cause: unknown, clock: Clock): HubError {
  // What happened (a refused connection, an unknown host) stands in the cause of fetch's own error.
  const origin = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const { code, message } = (origin instanceof Error ? origin : new Error(String(origin))) as NodeJS.ErrnoException;
  const reason = clock.isOver() ? `nothing came for ${clock.milliseconds / 1000} s` : (code ?? message);
  const kept = kind === "download" ? ". What was downloaded is kept" : "";
  return new HubError(
    "network",
    `${subject.label}: the connection to ${subject.host} failed (${reason}); check the network, or name a mirror in HF_ENDPOINT${kept}`,
    { cause },
  );
}

/** Aborts when it is not restarted in time, and with the caller's signal. */
interface Clock {
  readonly signal: AbortSignal;
  readonly restart: () => void;
  readonly stop: () => void;
  readonly isOver: () => boolean;
  readonly milliseconds: number;
}

function startClock(milliseconds: number, signal: AbortSignal | undefined): Clock {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const stop = (): void => clearTimeout(timer);
  const restart = (): void => {
    stop();
    timer = setTimeout(() => {
      isOver = true;
      controller.abort(new Error("timeout"));
    }, milliseconds);
  };
  restart();
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]),
    restart,
    stop,
    isOver: () => isOver,
    milliseconds,
  };
}
