import { openSource, platform } from "#platform";
import { SkeinError } from "../errors.ts";
import { encodeChatPieces } from "../text/chat-pieces.ts";
import { serve } from "./channel.ts";
import { loadText, selectTemplate, type TextParts } from "./load-text.ts";
import type { TextMethods } from "./methods.ts";

let parts: TextParts | undefined;

/** The worker that turns text into tokens: building a tokenizer takes a second. */
serve<TextMethods>(platform.ownerPort(), {
  load: async ({ source }, { emit, transfer }) => {
    const files = await openSource(source);
    try {
      parts = await loadText(files, () => emit("begun"));
    } finally {
      await files.close();
    }
    const table = parts?.tokenizer.tokenTable();
    if (table) transfer.push(table.bytes.buffer, table.offsets.buffer, table.control.buffer);
    return { table };
  },
  encode: ({ text, specialTokens, continues }, { emit, transfer }) => {
    emit("begun");
    const options = continues ? ({ addSpecialTokens: false, place: "middle" } as const) : {};
    const tokens = loaded().tokenizer.encode(text, { specialTokens, ...options });
    transfer.push(tokens.buffer);
    return tokens;
  },
  encodePieces: (pieces, { emit, transfer }) => {
    emit("begun");
    const tokens = encodeChatPieces(loaded().tokenizer, pieces);
    transfer.push(tokens.buffer);
    return tokens;
  },
  decode: ({ tokens, ...options }, { emit }) => {
    emit("begun");
    return loaded().tokenizer.decode(tokens, options);
  },
  selectTemplate: ({ tools }) => selectTemplate(loaded(), tools),
});

function loaded(): TextParts {
  if (parts) return parts;
  throw new SkeinError("no_tokenizer", "this model has no tokenizer.json: give tokens instead of text");
}
