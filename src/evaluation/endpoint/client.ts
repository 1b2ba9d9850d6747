import { InvalidOptionError } from "../../index.ts";
import type { Address } from "./address.ts";
import { Answered } from "./answered.ts";
import { EndpointError, type Problem } from "./endpoint-error.ts";

export interface ClientOptions {
  /** Sent to the endpoint's own origin only, and never shown. */
  readonly key?: string | undefined;
  /** How long one request may take until its answer is whole; 300 unless given. Node's fetch waits no longer for an answer to begin. */
  readonly timeoutSeconds?: number | undefined;
  /** How often a request is sent again when the server is busy or the connection is lost. */
  readonly retries?: number | undefined;
  /** Before the first retry; twice as long before each further one, unless the server says how long. */
  readonly retrySeconds?: number | undefined;
}

interface Request {
  readonly signal: AbortSignal;
  /** Bytes of the answer; more are an error. */
  readonly mostBytes?: number;
}

/** An event of a stream. */
export interface Streamed {
  readonly data: Answered;
  readonly seconds: number;
}

/** Answers have lists of a few numbers for each token; nothing that is not one is longer. */
const usualBytes = 2 ** 20;
/** Characters of what a server said, in a message. */
const mostQuoted = 300;
const shortestKey = 8;
const longestWaitSeconds = 60;
const busy: readonly number[] = [429, 502, 503, 504];

/** HTTP with a server that is trusted with nothing: sizes and times are bounded, redirects are not followed. */
export class EndpointClient {
  readonly address: Address;
  readonly #key: string | undefined;
  readonly #timeoutSeconds: number;
  readonly #retries: number;
  readonly #retrySeconds: number;
  /** Where nobody ever answered, the address is wrong, and is not tried again. */
  #hasAnswered = false;

  /** @throws InvalidOptionError for a key that no header can carry */
  constructor(address: Address, { key, timeoutSeconds = 300, retries = 4, retrySeconds = 0.5 }: ClientOptions = {}) {
    if (key !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(key))
      throw new InvalidOptionError("key", "must be of printable ASCII characters, without blanks and line breaks");
    this.address = address;
    this.#key = key;
    this.#timeoutSeconds = timeoutSeconds;
    this.#retries = retries;
    this.#retrySeconds = retrySeconds;
  }

  /** @throws EndpointError; the signal's reason */
  get(url: string, { signal, mostBytes = usualBytes }: Request): Promise<Answered> {
    return this.#send(url, { method: "GET" }, signal, (response) => this.#readJson(url, response, mostBytes));
  }

  /** @throws EndpointError; the signal's reason */
  post(url: string, body: object, { signal, mostBytes = usualBytes }: Request): Promise<Answered> {
    return this.#send(url, postOf(body), signal, (response) => this.#readJson(url, response, mostBytes));
  }

  /**
   * Server-sent events, all of them when the last has come.
   *
   * @returns each one's data, and the seconds from the request to when it came
   */
  stream(url: string, body: object, { signal, mostBytes = usualBytes }: Request): Promise<readonly Streamed[]> {
    return this.#send(url, postOf(body), signal, async (response, began) => {
      const decoder = new TextDecoder();
      const events: Streamed[] = [];
      let rest = "";
      const take = (text: string): void => {
        rest += text;
        if (!text.includes("\n")) return;
        const lines = rest.split(/\r?\n/);
        rest = lines.pop()!;
        const seconds = (performance.now() - began) / 1000;
        for (const line of lines) {
          const data = /^data: ?(.*)$/.exec(line)?.[1];
          if (data !== undefined && data !== "[DONE]") events.push({ data: this.#parse(url, data), seconds });
        }
      };
      await readChunks(url, response, mostBytes, (chunk) => take(decoder.decode(chunk, { stream: true })));
      take("\n");
      return events;
    });
  }

  async #send<T>(
    url: string,
    init: RequestInit,
    signal: AbortSignal,
    read: (response: Response, began: number) => Promise<T>,
  ): Promise<T> {
    const headers = new Headers(init.headers);
    if (this.#key !== undefined) headers.set("authorization", `Bearer ${this.#key}`);
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      const isLast = attempt >= this.#retries;
      const timeout = AbortSignal.timeout(this.#timeoutSeconds * 1000);
      let waitSeconds = this.#retrySeconds * 2 ** attempt;
      try {
        const began = performance.now();
        const both = AbortSignal.any([signal, timeout]);
        const response = await fetch(url, { ...init, headers, signal: both, redirect: "manual" });
        this.#hasAnswered = true;
        if (response.ok) return await read(response, began);
        const error = await this.#failure(url, response);
        const wanted = busy.includes(response.status) ? retryAfter(response) : undefined;
        if (!busy.includes(response.status) || isLast || (wanted ?? 0) > longestWaitSeconds) throw error;
        waitSeconds = wanted ?? waitSeconds;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (timeout.aborted) throw unreachable(url, `gave no whole answer within ${this.#timeoutSeconds} seconds`);
        if (error instanceof EndpointError) throw error;
        if (causeOf(error).name === "HeadersTimeoutError") throw unreachable(url, "did not begin to answer in time");
        if (isLast || (!this.#hasAnswered && isNobodyThere(error))) throw this.#lost(url, error);
      }
      await pause(Math.min(longestWaitSeconds, waitSeconds), signal);
    }
  }

  async #readJson(url: string, response: Response, mostBytes: number): Promise<Answered> {
    return this.#parse(url, await readText(url, response, mostBytes));
  }

  #parse(url: string, text: string): Answered {
    try {
      const hide = (_: string, value: unknown): unknown => (typeof value === "string" ? this.#hide(value) : value);
      return new Answered(JSON.parse(text, this.#key !== undefined ? hide : undefined), url);
    } catch {
      throw new EndpointError(url, `did not answer JSON but ${this.#quote(text)}`);
    }
  }

  async #failure(url: string, response: Response): Promise<EndpointError> {
    const { status, statusText } = response;
    if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
      await response.body?.cancel();
      const location = response.headers.get("location") ?? "";
      const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
      const where = target ? `${target.origin}${target.pathname}` : "another address";
      return new EndpointError(url, `redirects to ${this.#clean(where)}, which is not followed; give that address`);
    }
    const text = await readText(url, response, usualBytes);
    const problem = { status, ...this.#problemIn(text) };
    const said = problem.message === "" ? statusText : problem.message;
    const hint = status === 401 || status === 403 ? "; does the environment variable of --key-env hold its key?" : "";
    return new EndpointError(url, `answered ${status}: ${said}${hint}`, { problem });
  }

  /** `{ error: { message, code, type } }`, as OpenAI has it; the same without `error`; `{ detail }`; or a text. */
  #problemIn(text: string): Omit<Problem, "status"> {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return { message: this.#quote(text), codes: [] };
    }
    const outer = fieldsOf(body);
    const inner = typeof outer.error === "object" ? fieldsOf(outer.error) : outer;
    const said = [inner.message, outer.error, outer.detail].find((value) => typeof value === "string");
    const codes = [inner.code, inner.type].filter((code) => typeof code === "string");
    return { message: this.#clean(said ?? text), codes };
  }

  #quote(text: string): string {
    const title = /<title[^>]*>([^<]{1,200})/i.exec(text)?.[1];
    if (/^\s*<(!doctype|html)/i.test(text)) return `an HTML page${title ? ` (${this.#clean(title)})` : ""}`;
    return text.trim() === "" ? "nothing" : JSON.stringify(this.#clean(text));
  }

  /** In one line, cut, and without the key, which some servers repeat. */
  #clean(text: string): string {
    const line = this.#hide(text)
      .replaceAll(/[\p{C}\s]+/gu, " ")
      .trim();
    return line.length > mostQuoted ? `${line.slice(0, mostQuoted)}…` : line;
  }

  /** Answers stand in the result. What is shorter is no secret, and may be a part of any answer. */
  #hide(text: string): string {
    const key = this.#key ?? "";
    return key.length < shortestKey ? text : text.replaceAll(key, "[key]");
  }

  #lost(url: string, cause: unknown): EndpointError {
    const reason = this.#clean(causeOf(cause).message);
    return unreachable(url, `could not be reached (${reason}); is the server running?`);
  }
}

/** What happened (a refused connection, an unknown host) stands in the cause of fetch's own error. */
function causeOf(error: unknown): Error {
  const outer = error instanceof Error ? error : new Error(String(error));
  return outer.cause instanceof Error ? outer.cause : outer;
}

function isNobodyThere(error: unknown): boolean {
  const { code = "", message } = causeOf(error) as Error & { readonly code?: string };
  return ["ECONNREFUSED", "ENOTFOUND"].includes(code) || message === "bad port"; // one that fetch never asks
}

function unreachable(url: string, message: string): EndpointError {
  return new EndpointError(url, message, { code: "endpoint_unreachable" });
}

function postOf(body: object): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

async function readText(url: string, response: Response, mostBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  await readChunks(url, response, mostBytes, (chunk) => {
    text += decoder.decode(chunk, { stream: true });
  });
  return text + decoder.decode();
}

async function readChunks(
  url: string,
  response: Response,
  mostBytes: number,
  onChunk: (chunk: Uint8Array) => void,
): Promise<void> {
  const reader = response.body?.getReader();
  let bytes = 0;
  try {
    for (let step = await reader?.read(); step?.value !== undefined; step = await reader?.read()) {
      bytes += step.value.length;
      if (bytes > mostBytes) throw new EndpointError(url, `answered more than ${mostBytes} bytes`);
      onChunk(step.value);
    }
  } catch (error) {
    reader?.cancel().catch(() => {});
    throw error;
  }
}

/** @returns seconds */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, (time - Date.now()) / 1000);
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
