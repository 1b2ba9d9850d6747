import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { startScriptedServer } from "../node/test-openai-server.ts";
import { parseAddress } from "./address.ts";
import { type ClientOptions, EndpointClient } from "./client.ts";
import { isLengthRefusal, isMissingPath } from "./endpoint-error.ts";
import { openEndpointTarget } from "./endpoint-target.ts";

const signal = new AbortController().signal;
const quick: ClientOptions = { retrySeconds: 0.001, timeoutSeconds: 5, key: "secret-key" };

/** Asks a server that answers so, and returns what came of it. */
async function ask(
  answer: (response: ServerResponse, count: number) => void,
  options: ClientOptions & { readonly signal?: AbortSignal } = {},
): Promise<{ readonly error: Error | undefined; readonly asked: number }> {
  await using server = await startScriptedServer((_, response, count) => answer(response, count));
  const client = new EndpointClient(parseAddress(server.url), { ...quick, ...options });
  const error = await client.post(`${client.address.api}/completions`, {}, { signal, ...options }).then(
    () => undefined,
    (error: Error) => error,
  );
  expect(error?.message ?? "").not.toContain("secret-key");
  return { error, asked: server.keys.length };
}

const say =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body);

test("a busy server is asked again, as often as was said, and when it says", async () => {
  const busyTwice = (response: ServerResponse, count: number): void =>
    count < 3 ? say(count === 1 ? 429 : 503, "", { "retry-after": "0" })(response) : say(200, "{}")(response);
  expect(await ask(busyTwice)).toEqual({ error: undefined, asked: 3 });
  const always = await ask(say(503, '{"error":{"message":"loading"}}'), { retries: 2 });
  expect(always.error!.message).toMatch(/\/v1\/completions answered 503: loading$/);
  expect(always.asked).toBe(3);
  expect((await ask(say(429, "", { "retry-after": "3600" }))).asked).toBe(1); // nobody waits for an hour
});

test("a connection that is cut is asked again; then it is said", async () => {
  const cut = await ask((response) => void response.socket!.destroy(), { retries: 1 });
  expect(cut.error!.message).toMatch(/could not be reached \(.+\); is the server running\?/);
  expect(cut.asked).toBe(2);
  const half = (response: ServerResponse, count: number): void => {
    if (count === 1) {
      response.writeHead(200, { "content-length": "100" }).write('{"choices"');
      setTimeout(() => response.socket!.destroy(), 10);
    } else say(200, "{}")(response);
  };
  expect(await ask(half)).toEqual({ error: undefined, asked: 2 });
});

test("a server that hangs is left, and so is a wait that the user ends", async () => {
  const hangs = await ask(() => {}, { timeoutSeconds: 0.4 });
  expect(hangs.error!.message).toMatch(/gave no whole answer within 0.4 seconds/);
  expect(hangs.asked).toBe(1);
  const end = new AbortController();
  const reason = new Error("enough");
  const waiting = ask(
    (response) => {
      say(503, "", { "retry-after": "50" })(response);
      setTimeout(() => end.abort(reason), 10);
    },
    { signal: end.signal },
  );
  expect((await waiting).error).toBe(reason);
});

test("redirects are not followed, and the key goes nowhere else", async () => {
  await using other = await startScriptedServer((_, response) => say(200, "{}")(response));
  const moved = await ask(say(307, "", { location: `${other.url}/v1/completions?x=1` }));
  expect(moved.error!.message).toContain(`redirects to ${other.url}/v1/completions, which is not followed`);
  expect(other.keys).toEqual([]);
});

test("what is no JSON, too much, or an error is said in one line, without the key", async () => {
  const page = "<!DOCTYPE html><html><title>502 Bad\nGateway</title>secret-key</html>";
  expect((await ask(say(200, page))).error!.message).toMatch(
    /did not answer JSON but an HTML page \(502 Bad Gateway\)$/,
  );
  expect((await ask(say(200, "x".repeat(2 ** 21)))).error!.message).toMatch(/answered more than 1048576 bytes/);
  const denied = await ask(say(401, '{"error":{"message":"bad key secret-key\\n\\u001b[31m"}}'));
  expect(denied.error!.message).toMatch(/answered 401: bad key \[key\] \[31m; does the environment variable/);
  const long = await ask(say(400, JSON.stringify({ detail: "y".repeat(5000) })));
  expect(long.error!.message.length).toBeLessThan(400);
});

test("events are read however the stream is cut, with the times at which they came, and once", async () => {
  await using server = await startScriptedServer((_, response, count) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const parts = [': hello\n\ndata: {"n"', ":1}\r", '\n\r\ndata:{"n":2}\n\n', "data: [DONE]\n\n"];
    const send = (): void => {
      const part = parts.shift();
      if (part === undefined) response.end();
      else if (count === 1 && parts.length === 1) response.socket!.destroy();
      else response.write(part, () => setTimeout(send, 20));
    };
    send();
  });
  const client = new EndpointClient(parseAddress(server.url), quick);
  const events = await client.stream(`${client.address.api}/completions`, {}, { signal });
  expect(events.map(({ data }) => data.field("n").count())).toEqual([1, 2]);
  expect(events[0]!.seconds).toBeGreaterThan(0.03);
  expect(server.keys).toEqual(Array(2).fill("Bearer secret-key"));
});

test("a key that a server repeats stands in no answer; what is too short to be one is left", async () => {
  await using server = await startScriptedServer((_, response) => response.end('{"text":"your secret-key, 12345"}'));
  for (const [key, said] of [
    ["secret-key", "your [key], 12345"],
    ["1", "your secret-key, 12345"],
  ] as const) {
    const client = new EndpointClient(parseAddress(server.url), { ...quick, key });
    const answered = await client.get(server.url, { signal: new AbortController().signal });
    expect(answered.field("text").text()).toBe(said);
  }
});

test("keys that no header can carry are refused, and not shown", () => {
  for (const key of ["two words", "line\nbreak", ""]) {
    expect(() => new EndpointClient(parseAddress("http://a"), { key })).toThrow(/^key: must be of printable/);
  }
});

test("addresses: /v1 where there is no path; no credentials, queries and other protocols", () => {
  for (const url of ["http://host:8000", "http://host:8000/", "http://host:8000/v1", "http://host:8000/v1/"]) {
    expect(parseAddress(url)).toEqual({ api: "http://host:8000/v1", root: "http://host:8000" });
  }
  expect(parseAddress("https://host/proxy/v1")).toEqual({ api: "https://host/proxy/v1", root: "https://host/proxy" });
  for (const url of ["http://me:pw@host/v1", "http://host/v1?key=1", "ftp://host", "host:8000", ""]) {
    expect(() => parseAddress(url)).toThrow(/^endpoint: must/);
  }
});

test.each([
  ["OpenAI", 400, '{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'],
  [
    "vLLM",
    400,
    `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","code":400}`,
  ],
  [
    "vLLM of 2025",
    400,
    '{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that","type":"BadRequestError","param":null,"code":400}}',
  ],
  [
    "SGLang",
    400,
    `{"object":"error","message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","code":400}`,
  ],
  [
    "SGLang with an answer",
    400,
    `{"message":"Requested token count exceeds the model's maximum context length of 4096 tokens. You requested 5000"}`,
  ],
  [
    "OpenAI of 2026",
    400,
    '{"error":{"message":"Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 509178"}}',
  ],
  [
    "llama.cpp",
    400,
    '{"error":{"code":400,"message":"request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error"}}',
  ],
  [
    "llama.cpp before",
    500,
    '{"error":{"code":500,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"server_error"}}',
  ],
])("the refusal of a length by %s is none of other failures", async (_, status, body) => {
  expect(isLengthRefusal((await ask(say(status, body))).error)).toBe(true);
  expect(isLengthRefusal((await ask(say(400, '{"error":{"message":"temperature must be at most 2"}}'))).error)).toBe(
    false,
  );
});

test("a path that is missing is not a model that is", async () => {
  expect(isMissingPath((await ask(say(404, '{"detail":"Not Found"}'))).error)).toBe(true);
  expect(isMissingPath((await ask(say(404, '{"message":"The model `x` does not exist."}'))).error)).toBe(false);
});

test.each([
  ["choices of another type", { choices: {} }, /answered an object in choices where a list was expected/],
  ["no choice", { choices: [] }, /answered a list in choices where a list of one entry was expected/],
  ["a text that is none", { choices: [{ text: 7 }] }, /answered a number in choices\[0\].text where a text/],
  [
    "more than was asked for",
    { choices: [{ text: "x".repeat(9999) }] },
    /answered 9999 characters where 1 tokens were/,
  ],
  [
    "a count below 0",
    { choices: [{ text: "" }], usage: { prompt_tokens: -1 } },
    /usage.prompt_tokens where a whole number/,
  ],
])("fields are checked: %s", async (_, completion, message) => {
  await using server = await startScriptedServer((path, response) =>
    say(200, JSON.stringify(path.endsWith("models") ? { data: [{ id: "a" }, { id: "b" }] } : completion))(response),
  );
  const options = { model: "a", nativeWindow: 256, sample: "words", signal };
  await expect(openEndpointTarget(server.url, options)).rejects.toThrow(message);
  await expect(openEndpointTarget(server.url, { ...options, model: "c" })).rejects.toThrow(
    'model: the server has no "c", but "a", "b"',
  );
});
