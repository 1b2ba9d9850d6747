import { InvalidOptionError } from "../../index.ts";
import type { Answered } from "./answered.ts";
import type { EndpointClient } from "./client.ts";
import { isMissingPath, isUnwilling } from "./endpoint-error.ts";

/** What a server says of the model that is asked for. */
export interface FoundModel {
  readonly name: string;
  /** Tokens that it accepts, the answer's included, where it says so. */
  readonly window: number | undefined;
  /** Whose fields it takes besides OpenAI's: vLLM's, which are SGLang's too, or llama.cpp's; undefined where nothing tells. */
  readonly engine: "vllm" | "llama.cpp" | undefined;
}

const mostModels = 10_000;
const mostListed = 20;

/**
 * Asks a server for its models, and for its window.
 *
 * @param wanted - the name; may be left out where the server has one model
 * @throws InvalidOptionError with the names that there are; EndpointError
 */
export async function findModel(
  client: EndpointClient,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<FoundModel> {
  const models = await listModels(client, signal);
  const names = models?.map((model) => model.field("id").text()) ?? [];
  if (wanted === undefined && names.length !== 1) {
    throw new InvalidOptionError(
      "model",
      models ? `must name one of ${namesOf(names)}` : "must name the server's model",
    );
  }
  if (wanted !== undefined && names.length > 0 && !names.includes(wanted))
    throw new InvalidOptionError("model", `the server has no ${JSON.stringify(wanted)}, but ${namesOf(names)}`);
  const name = wanted ?? names[0]!;
  // It goes into results and onto terminals.
  if (!/^\P{C}{1,500}$/u.test(name))
    throw new InvalidOptionError("model", "must be up to 500 characters without control characters");
  const own = models?.[names.indexOf(name)];
  // An adapter's card has no window, but says whose adapter it is.
  const parent = models?.[names.findIndex((id) => own?.field("parent").is(id))];
  const declared = [own, parent]
    .map((card) => card?.field("max_model_len")) // vLLM, SGLang
    .find((field) => field !== undefined && !field.isMissing);
  if (declared !== undefined) return { name, window: declared.count(), engine: "vllm" };
  const settings = await settingsOfLlamaCpp(client, signal);
  const isOwnedBy = (engine: string): boolean => own?.field("owned_by").is(engine) === true;
  const isLlamaCpp = settings !== undefined || isOwnedBy("llamacpp");
  return { name, window: settings?.window, engine: isOwnedBy("vllm") ? "vllm" : isLlamaCpp ? "llama.cpp" : undefined };
}

async function listModels(client: EndpointClient, signal: AbortSignal): Promise<readonly Answered[] | undefined> {
  try {
    const answer = await client.get(`${client.address.api}/models`, { signal, mostBytes: 2 ** 24 });
    return answer.field("data").list(mostModels);
  } catch (error) {
    if (isMissingPath(error)) return undefined;
    throw error;
  }
}

async function settingsOfLlamaCpp(
  client: EndpointClient,
  signal: AbortSignal,
): Promise<{ readonly window: number | undefined } | undefined> {
  try {
    const properties = await client.get(`${client.address.root}/props`, { signal });
    const settings = properties.field("default_generation_settings");
    if (settings.isMissing) return undefined;
    const tokens = settings.field("n_ctx");
    return { window: tokens.isMissing || tokens.count() === 0 ? undefined : tokens.count() };
  } catch (error) {
    // It is of llama.cpp alone: whatever else answers there says nothing.
    if (isUnwilling(error)) return undefined;
    throw error;
  }
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return "nothing: it has no model";
  const listed = names.slice(0, mostListed).map((name) => JSON.stringify(name.slice(0, 100)));
  const more = names.length - listed.length;
  return listed.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
