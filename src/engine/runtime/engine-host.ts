import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { type Context, narrowContext } from "../../context/narrow.ts";
import type { ContextOptions } from "../../context/options.ts";
import { InvalidOptionError, SkeinError } from "../../errors.ts";
import type { Handlers } from "../channel.ts";
import type { EngineMethods, SessionId, SessionState } from "../methods.ts";
import type { Warning } from "../options.ts";
import type { OpenSource } from "../platform.ts";
import { loadAdapter, prepareAdapter } from "./adapters.ts";
import { append } from "./append.ts";
import { generate } from "./generate.ts";
import { type LoadedModel, loadCheckpoint } from "./loaded-model.ts";
import { Sequence } from "./sequence.ts";
import { describeSnapshot, restoreSnapshot } from "./snapshots.ts";

/** Answers the calls of one model's owner. A session's calls come one after the other; its owner sees to that. */
export class EngineHost {
  readonly #openSource: OpenSource;
  readonly #sessions = new Map<SessionId, Sequence>();
  /** Sequences of answers outside sessions. */
  readonly #answers = new Set<Sequence>();
  #model: LoadedModel | undefined;
  #nextSession = 0;

  constructor(openSource: OpenSource) {
    this.#openSource = openSource;
  }

  readonly handlers: Handlers<EngineMethods> = {
    load: async (call, { signal, emit }) => {
      const opened: CheckpointFiles[] = [];
      try {
        opened.push(await this.#openSource(call.source));
        for (const { source } of call.adapters ?? []) opened.push(await this.#openSource(source, "adapter"));
        const [files, ...adapterFiles] = opened;
        const model = await loadCheckpoint(files!, call, adapterFiles, { signal, onProgress: emit });
        this.#model = model;
        return {
          config: model.config,
          context: model.context.settings,
          defaults: model.defaults,
          warnings: model.warnings,
          adapters: model.adapters.facts,
        };
      } finally {
        for (const files of opened) await files.close();
      }
    },
    loadAdapter: async (call, { signal }) => {
      const { config, context, backend, mostTokens = Infinity, adapters, scheduler } = this.#loaded;
      adapters.checkFree(call.name);
      const files = await this.#openSource(call.source, "adapter");
      try {
        const prepared = await prepareAdapter(files, call, config, context);
        const adapter = await loadAdapter(prepared, backend, signal, (work) => scheduler.alone(work));
        adapters.add(adapter);
        const { extendedWindow } = prepared.context.settings;
        const warnings: Warning[] = [...prepared.warnings];
        if (extendedWindow > mostTokens) {
          warnings.push({
            code: "adapter_window_without_room",
            message: `the adapter ${call.name}: memory was set up for ${mostTokens} of its ${extendedWindow} tokens: name it when the model is loaded`,
          });
        }
        return { facts: adapter.facts, warnings };
      } finally {
        await files.close();
      }
    },
    unloadAdapter: ({ name }) => {
      const { adapters } = this.#loaded;
      const adapter = adapters.get(name);
      const users = [...this.#sessions.values(), ...this.#answers].filter((sequence) => sequence.adapter === adapter);
      if (users.length > 0) {
        const what = users.length === 1 ? "a session or answer uses" : `${users.length} sessions and answers use`;
        throw new InvalidOptionError("adapter", `${what} ${JSON.stringify(name)}; dispose of them first`);
      }
      adapters.remove(name);
      return undefined;
    },
    setTokenTable: (table) => {
      this.#loaded.tokenTable = table;
      return undefined;
    },
    createSession: ({ plannedTokens, context, adapter: name }) => {
      const model = this.#loaded;
      const adapter = model.adapters.get(name);
      return this.#add(
        new Sequence(model.config, model.pool, this.#narrow(adapter?.context ?? model.context, context), {
          plannedTokens,
          ownOptions: context,
          adapter,
        }),
      );
    },
    state: ({ session }) => stateOf(this.#session(session)),
    append: async (call, { signal, emit, transfer }) => {
      checkTokens(call.tokens, this.#loaded.config.vocab_size);
      const answer = await append(this.#loaded, this.#session(call.session), call, { signal, emit });
      if (answer.logits) transfer.push(answer.logits.buffer);
      return answer;
    },
    generate: async (call, { signal, emit }) => {
      const model = this.#loaded;
      checkTokens(call.tokens, model.config.vocab_size);
      if (call.session !== undefined) {
        const sequence = this.#session(call.session);
        checkSameAdapter(sequence, call.adapter);
        return generate(model, sequence, this.#narrow(sequence.context, call.context), call, { signal, emit });
      }
      const adapter = model.adapters.get(call.adapter);
      const context = this.#narrow(adapter?.context ?? model.context, call.context);
      const sequence = new Sequence(model.config, model.pool, context, { adapter });
      this.#answers.add(sequence);
      try {
        return await generate(model, sequence, context, call, { signal, emit });
      } finally {
        this.#answers.delete(sequence);
        sequence.release();
      }
    },
    fork: ({ session }) => this.#add(this.#session(session).fork()),
    truncate: ({ session, length }) => {
      const sequence = this.#session(session);
      sequence.truncate(length);
      return stateOf(sequence);
    },
    release: ({ session }) => {
      this.#sessions.get(session)?.release();
      this.#sessions.delete(session);
      return undefined;
    },
    exportSession: ({ session }) => describeSnapshot(this.#loaded, this.#session(session)),
    exportBlock: async ({ session, block }, { transfer }) => {
      const bytes = await this.#session(session).cache.exportBlock(block);
      transfer.push(bytes.buffer);
      return bytes;
    },
    restoreSession: async ({ header, tokens }) => {
      checkTokens(tokens, this.#loaded.config.vocab_size);
      return this.#add(await restoreSnapshot(this.#loaded, header, tokens));
    },
    importBlock: ({ session, block, total, bytes }) => {
      this.#session(session).cache.importBlock(block, total, bytes);
      return undefined;
    },
    finish: async () => {
      await this.#model?.kept;
      return undefined;
    },
    statistics: () => {
      const { pool, scheduler } = this.#loaded;
      const { steps, rows } = scheduler;
      return { sessions: this.#sessions.size, cacheBlocks: pool.blocksInUse, cacheBytes: pool.bytesInUse, steps, rows };
    },
  };

  get #loaded(): LoadedModel {
    if (!this.#model) throw new SkeinError("internal", "the model is used before it was loaded");
    return this.#model;
  }

  #session(id: SessionId): Sequence {
    const sequence = this.#sessions.get(id);
    if (!sequence) throw new SkeinError("disposed", "this session was disposed of");
    return sequence;
  }

  #add(sequence: Sequence): { readonly session: SessionId } & SessionState {
    const session = this.#nextSession++;
    this.#sessions.set(session, sequence);
    return { session, ...stateOf(sequence) };
  }

  #narrow(outer: Context, options: ContextOptions | undefined): Context {
    return narrowContext(this.#loaded.config, outer, options);
  }
}

function stateOf(sequence: Sequence): SessionState {
  return { length: sequence.length, factor: sequence.encoding.factor, adapter: sequence.adapter?.facts.name };
}

function checkSameAdapter(sequence: Sequence, wanted: string | undefined): void {
  const own = sequence.adapter?.facts.name;
  if (wanted === undefined || wanted === own) return;
  const has = own === undefined ? "no adapter" : `the adapter ${JSON.stringify(own)}`;
  throw new InvalidOptionError(
    "adapter",
    `this session has ${has} from its beginning; create one with ${JSON.stringify(wanted)}`,
  );
}

function checkTokens(tokens: Uint32Array, vocabulary: number): void {
  const index = tokens.findIndex((token) => token >= vocabulary);
  if (index < 0) return;
  throw new InvalidOptionError(`tokens[${index}]`, `${tokens[index]} is not in the vocabulary of ${vocabulary} tokens`);
}
