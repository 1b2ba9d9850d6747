import type { Code } from "../builder/code.ts";
import { i32, type Value } from "../builder/values.ts";
import { lineBytes } from "../layout.ts";
import { touch } from "./touch.ts";

/** A tile of the cache, and what is needed to read it. */
interface TilePlace {
  readonly tile: Value<"far">;
  /** For a tile that lies in another memory. */
  readonly room: Value<"address">;
  /** How many lines of memory the tile has; 0: it was just written, to `room`. */
  readonly lines: Value<"i32">;
  /** 16 bytes, which may be overwritten. */
  readonly sink: Value<"address">;
}

/**
 * Reads a tile from end to end, in order, before it is computed with here and there: {@link touch} says why. From another memory it is copied, which reads
 * it just as well.
 *
 * @returns where the tile is
 */
export function takeTile(code: Code, { tile, room, lines, sink }: TilePlace): Value<"address"> {
  if (code.hasTwoMemories) {
    code.if(lines, () => code.copy(room, tile, i32.mul(lines, i32.const(lineBytes))));
    return room;
  }
  const memory = code.narrow(tile);
  code.call(touch, { memory, lines, sink });
  return memory;
}
