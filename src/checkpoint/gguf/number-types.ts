import { blockTypes } from "./block-types.ts";

/** A type of numbers of a GGUF file: those in blocks, and plain ones, whose blocks are one number. */
export interface NumberType {
  readonly name: string;
  /** As the file names it. */
  readonly id: number;
  /** In a block. */
  readonly numbers: number;
  /** Of a block. */
  readonly bytes: number;
}

const all: readonly NumberType[] = [
  { id: 0, name: "F32", numbers: 1, bytes: 4 },
  { id: 1, name: "F16", numbers: 1, bytes: 2 },
  { id: 30, name: "BF16", numbers: 1, bytes: 2 },
  ...[...blockTypes].map(([id, { name, numbers, bytes }]) => ({ id, name, numbers, bytes })),
];

/** By what the file has for them. */
export const numberTypesById: ReadonlyMap<number, NumberType> = new Map(all.map((type) => [type.id, type]));

/** By their names. */
export const numberTypesByName: ReadonlyMap<string, NumberType> = new Map(all.map((type) => [type.name, type]));
