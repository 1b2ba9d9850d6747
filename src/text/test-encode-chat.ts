import { encodeChatPieces } from "./chat-pieces.ts";
import { type ChatOptions, renderChatPieces } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The tokens that a conversation becomes, without the workers between which the two halves of this are divided. */
export function encodeChat(tokenizer: Tokenizer, options: ChatOptions): Uint32Array<ArrayBuffer> {
  return encodeChatPieces(tokenizer, renderChatPieces(options, [...tokenizer.controlTokens.keys()]));
}
