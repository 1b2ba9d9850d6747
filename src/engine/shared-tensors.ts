import { CheckpointError, quoteName } from "../checkpoint/errors.ts";
import type { TensorEntry } from "../checkpoint/safetensors.ts";
import type { BlockKind, TensorIndex } from "../checkpoint/tensors.ts";
import { SkeinError } from "../errors.ts";

/** A tensor as a worker knows it that reads it from another one. */
export interface ListedTensor extends TensorEntry {
  readonly isReadable: boolean;
  readonly blockType: BlockKind | undefined;
}

/** What is asked for of a tensor. */
export type TensorRequest =
  | {
      readonly ask: "float32";
      readonly name: string;
      readonly start: number | undefined;
      readonly end: number | undefined;
    }
  | { readonly ask: "blocks" | "superBlocks"; readonly name: string; readonly start: number; readonly end: number }
  | { readonly ask: "bytes"; readonly name: string };

export function listTensors(index: TensorIndex): readonly ListedTensor[] {
  return index.names.map((name) => ({
    ...index.entry(name)!,
    isReadable: index.isReadable(name),
    blockType: index.blockType?.(name),
  }));
}

/** @param index - undefined for files that have none, which nobody asks then */
export async function answerTensor(index: TensorIndex | undefined, request: TensorRequest): Promise<unknown> {
  if (!index?.readBlocks || !index.readSuperBlocks)
    throw new SkeinError("internal", "these files have no tensors of their own");
  switch (request.ask) {
    case "float32":
      return index.readFloat32(request.name, request.start, request.end);
    case "blocks":
      return index.readBlocks(request.name, request.start, request.end);
    case "superBlocks":
      return index.readSuperBlocks(request.name, request.start, request.end);
    case "bytes":
      return index.readBytes(request.name);
  }
}

/**
 * The tensors of files that another worker reads.
 *
 * @param label - of the files, for messages
 * @param ask - sends a question, and waits for its answer
 */
export function askForTensors(
  listed: readonly ListedTensor[],
  label: string,
  ask: <T>(request: TensorRequest) => Promise<T>,
): TensorIndex {
  const tensors = new Map(listed.map((tensor) => [tensor.name, tensor] as const));
  const tensorOf = (name: string): ListedTensor => {
    const tensor = tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw new CheckpointError("not_found", `${label} has no tensor ${quoteName(name)}`);
  };
  return {
    names: [...tensors.keys()],
    entry: (name) => tensors.get(name),
    isReadable: (name) => tensorOf(name).isReadable,
    blockType: (name) => tensorOf(name).blockType,
    readFloat32: (name, start, end) => ask({ ask: "float32", name, start, end }),
    readBlocks: (name, start, end) => ask({ ask: "blocks", name, start, end }),
    readSuperBlocks: (name, start, end) => ask({ ask: "superBlocks", name, start, end }),
    readBytes: (name) => ask({ ask: "bytes", name }),
  };
}
