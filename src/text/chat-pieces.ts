import type { Tokenizer } from "./tokenizer.ts";

/** A piece of a rendered conversation: a control token that the template wrote, or the text between two of them. */
export interface ChatPiece {
  readonly content: string;
  readonly isControl: boolean;
}

/** The tokens of a rendered conversation. */
export function encodeChatPieces(tokenizer: Tokenizer, pieces: readonly ChatPiece[]): Uint32Array<ArrayBuffer> {
  const added = new Map(tokenizer.addedTokens.map((token) => [token.content, token]));
  const tokens: number[] = [];
  for (const [index, { content, isControl }] of pieces.entries()) {
    if (isControl) {
      tokens.push(tokenizer.controlTokens.get(content)!);
      continue;
    }
    // Tokens may take the white space beside them with them, as they do in text that is parsed.
    let text = content;
    if (added.get(pieces[index - 1]?.content ?? "")?.rstrip === true) text = text.trimStart();
    if (added.get(pieces[index + 1]?.content ?? "")?.lstrip === true) text = text.trimEnd();
    const place = index === 0 ? "beginning" : "behind-control";
    const options = { specialTokens: false, addSpecialTokens: false, place } as const;
    for (const token of tokenizer.encode(text, options)) tokens.push(token);
  }
  return Uint32Array.from(tokens);
}
