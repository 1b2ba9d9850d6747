import { defineInner, type WasmFunction } from "../builder/kernel.ts";
import { v128 } from "../builder/values.ts";
import { lineBytes } from "../layout.ts";

/**
 * Reads one vector of every line, so that the kernels that follow find all of them in the core's cache. Asked for at once, lines come much faster
 * than one by one between computations; and processors themselves read ahead only within a page, of which a tile has several.
 *
 *   memory   `lines` lines
 *   sink     16 bytes, which are overwritten: what is read has to go somewhere
 */
export const touch: WasmFunction<{ memory: "address"; lines: "i32"; sink: "address" }> = defineInner(
  "touch",
  { memory: "address", lines: "i32", sink: "address" },
  (code, { memory, lines, sink }) => {
    const line = code.local("address", memory);
    const seen = code.local("v128", v128.zero);
    code.repeat(lines, () => {
      code.set(seen, v128.xor(seen, code.load(line)));
      code.advance(line, lineBytes);
    });
    code.store(sink, seen);
  },
);
