import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ContextOptions, Model, Session } from "../../index.ts";

/** What the server does with lengths. */
export interface Served {
  readonly dialect: "vllm" | "llama.cpp";
  /** Of the embedded model; `chatOnly` for a server without completions. */
  readonly context: ContextOptions;
  /** Tokens that it accepts. */
  readonly window: number;
  readonly chatOnly?: boolean;
  /** Tokens that it says it accepts, where these are others. */
  readonly declared?: number;
  /** Without `/tokenize`. */
  readonly tokenless?: boolean;
  /** With a tokenizer that has no template, and refuses arguments of one. */
  readonly templateless?: boolean;
  /** Longer prompts, in tokens, do not reach it: a proxy before it refuses them in its own words. */
  readonly proxyLimit?: number;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** Changes between requests. */
  served: Served;
  /** The bodies of what was asked, by path. */
  readonly requests: { readonly path: string; readonly body: Body; readonly key: string | undefined }[];
}

export interface Body {
  readonly prompt?: string | readonly number[];
  readonly content?: string;
  readonly add_special_tokens?: boolean;
  readonly add_special?: boolean;
  readonly messages?: readonly { readonly content: string }[];
  readonly chat_template_kwargs?: object;
  readonly max_tokens?: number;
  readonly logprobs?: boolean | number;
  readonly prompt_logprobs?: number;
  readonly echo?: boolean;
  readonly stream?: boolean;
}

/** A server with an OpenAI-compatible API, in the ways of vLLM or of llama.cpp, that answers with a model of this process. */
export async function startTestServer(model: Model, served: Served): Promise<TestServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  const started: TestServer = {
    url: await listen(server),
    served,
    requests: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return started;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    const body = await readBody(request);
    started.requests.push({ path, body, key: request.headers.authorization });
    const { dialect, window, declared = window } = started.served;
    const isVllm = dialect === "vllm";
    const routes: Record<string, () => Promise<unknown>> = {
      "/v1/models": async () => ({
        data: [{ id: "tiny", ...(isVllm && { max_model_len: declared }) }],
      }),
      ...(!started.served.tokenless && { "/tokenize": async () => tokenize(body) }),
      ...(!isVllm && { "/props": async () => ({ default_generation_settings: { n_ctx: declared } }) }),
      ...(!started.served.chatOnly && { "/v1/completions": () => complete(body, response) }),
      "/v1/chat/completions": () => complete(body, response),
    };
    const found = routes[path] ? await routes[path]() : undefined;
    if (response.headersSent) return;
    const status = found instanceof TooLong ? 400 : found === undefined ? 404 : 200;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(found instanceof TooLong ? found.body : (found ?? { detail: "Not Found" })));
  }

  async function tokenize({ prompt, content, ...more }: Body): Promise<unknown> {
    const isVllm = started.served.dialect === "vllm";
    const whole = await model.tokenize(String((isVllm ? prompt : content) ?? ""), { specialTokens: false });
    const isWhole = isVllm ? more.add_special_tokens !== false : more.add_special === true;
    const tokens = Array.from(isWhole ? whole : whole.subarray((await model.tokenize("")).length));
    return isVllm ? { count: tokens.length, tokens } : { tokens };
  }

  async function complete(body: Body, response: ServerResponse): Promise<unknown> {
    const { dialect, window, context, templateless, proxyLimit = Number.POSITIVE_INFINITY } = started.served;
    const text = body.messages?.map((message) => message.content).join("\n") ?? body.prompt ?? "";
    const tokens =
      typeof text === "string" ? await model.tokenize(text, { specialTokens: false }) : Uint32Array.from(text);
    const maxTokens = body.max_tokens ?? 16;
    if (tokens.length > proxyLimit) {
      response.writeHead(413).end("<!doctype html><title>413 Request Entity Too Large</title>");
      return undefined;
    }
    if (templateless && body.chat_template_kwargs) {
      const message = "chat_template is not supported for Mistral tokenizers.";
      response.writeHead(400).end(JSON.stringify({ error: { message, type: "BadRequestError", code: 400 } }));
      return undefined;
    }
    if (tokens.length + maxTokens > window) return new TooLong(dialect, window, tokens.length, maxTokens);
    await using session = await model.createSession({ plannedTokens: tokens.length + maxTokens, context });
    const isScored = dialect === "vllm" && (body.prompt_logprobs !== undefined || body.echo === true);
    const prompt = isScored ? await score(session, tokens) : undefined;
    const rest = isScored ? {} : { tokens };
    const generation = session.generate({ ...rest, maxTokens, temperature: 0, logprobs: true });
    if (body.stream) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const send = (event: unknown): void => void response.write(`data: ${JSON.stringify(event)}\r\n\r\n`);
      for await (const chunk of generation)
        send({ choices: [{ text: chunk.text, delta: { content: chunk.text }, finish_reason: null }] });
      const { usage } = await generation.result();
      send({ choices: [{ text: "", delta: {}, finish_reason: "length" }] });
      send({ choices: [], usage: { prompt_tokens: tokens.length, completion_tokens: usage.completionTokens } });
      response.end("data: [DONE]\n\n");
      return undefined;
    }
    const { text: said, logprobs = [] } = await generation.result();
    const own = logprobs.map(({ logprob }) => logprob);
    const listed = body.echo && prompt ? [...prompt, ...own] : own;
    return {
      choices: [
        {
          ...(body.messages ? { message: { role: "assistant", content: said } } : { text: said }),
          logprobs: dialect === "vllm" ? { token_logprobs: listed } : { content: own.map((logprob) => ({ logprob })) },
          ...(body.prompt_logprobs !== undefined && {
            prompt_logprobs: prompt?.map((logprob, i) => (logprob === null ? null : { [tokens[i]!]: { logprob } })),
          }),
        },
      ],
      usage: { prompt_tokens: tokens.length },
    };
  }
}

async function score(session: Session, tokens: Uint32Array): Promise<readonly (number | null)[]> {
  const { logprobs } = await session.append(tokens, { logprobs: true });
  return Array.from(logprobs!, (logprob) => (Number.isNaN(logprob) ? null : logprob));
}

/** What a server of either kind says of a prompt that is too long. */
class TooLong {
  readonly body: unknown;

  constructor(dialect: Served["dialect"], window: number, tokens: number, maxTokens: number) {
    const vllm = `This model's maximum context length is ${window} tokens. However, you requested ${tokens + maxTokens} tokens (${tokens} in the messages, ${maxTokens} in the completion). Please reduce the length of the messages or completion.`;
    const llama = `request (${tokens} tokens) exceeds the available context size (${window} tokens), try increasing it`;
    this.body =
      dialect === "vllm"
        ? { object: "error", message: vllm, type: "BadRequestError", param: null, code: 400 }
        : {
            error: {
              code: 400,
              message: llama,
              type: "exceed_context_size_error",
              n_prompt_tokens: tokens,
              n_ctx: window,
            },
          };
  }
}

/** Answers everything with what it is told to: what a server may do that means harm, or is broken. */
export async function startScriptedServer(
  answer: (path: string, response: ServerResponse, count: number, body: Body) => void,
): Promise<AsyncDisposable & { readonly url: string; readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const body = await readBody(request);
    answer(request.url ?? "", response, keys.push(request.headers.authorization), body);
  });
  return {
    url: await listen(server),
    keys,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
