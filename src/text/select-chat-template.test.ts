import { expect, test } from "vitest";
import { QWEN2_CHAT_TEMPLATE } from "./qwen2-template.ts";
import { selectChatTemplate, specialTokenStrings } from "./select-chat-template.ts";

const withChat = {
  controlTokens: new Map([
    ["<|im_start|>", 1],
    ["<|im_end|>", 2],
  ]),
};
const withoutChat = { controlTokens: new Map([["<|endoftext|>", 0]]) };

test("the file comes before the configuration, and that before Qwen2's", () => {
  expect(selectChatTemplate(withChat, { chat_template: "configured" }, "file")).toBe("file");
  expect(selectChatTemplate(withChat, { chat_template: "configured" })).toBe("configured");
  expect(selectChatTemplate(withChat, { chat_template: null })).toBe(QWEN2_CHAT_TEMPLATE);
  expect(selectChatTemplate(withChat, undefined)).toBe(QWEN2_CHAT_TEMPLATE);
});

test("of several, tool_use is taken when there are tools, otherwise default", () => {
  const chat_template = [
    { name: "default", template: "plain" },
    { name: "tool_use", template: "tools" },
    { name: "rag", template: "documents" },
  ];
  expect(selectChatTemplate(withChat, { chat_template })).toBe("plain");
  expect(selectChatTemplate(withChat, { chat_template }, undefined, { tools: true })).toBe("tools");
  const onlyDefault = { chat_template: chat_template.slice(0, 1) };
  expect(selectChatTemplate(withChat, onlyDefault, undefined, { tools: true })).toBe("plain");
});

test("a model without any is told what to do", () => {
  expect(() => selectChatTemplate(withoutChat, {})).toThrow(expect.objectContaining({ code: "no_chat_template" }));
  expect(() => selectChatTemplate(withoutChat, {})).toThrow(/pass the text as prompt$/);
  expect(selectChatTemplate(withoutChat, { chat_template: "own" })).toBe("own");
});

test.each([
  ["a number", 3, "tokenizer_config.json chat_template"],
  ["an object", {}, "tokenizer_config.json chat_template"],
  ["an entry without template", [{ name: "default" }], "tokenizer_config.json chat_template[0]"],
  ["an entry that is null", [null], "tokenizer_config.json chat_template[0]"],
  ["no default", [{ name: "rag", template: "x" }], "tokenizer_config.json chat_template"],
  ["no entry", [], "tokenizer_config.json chat_template"],
])("a chat_template that is %s names the field", (_name, chat_template, field) => {
  expect(() => selectChatTemplate(withChat, { chat_template })).toThrow(expect.objectContaining({ field }));
});

test("special tokens are texts, or objects with a content", () => {
  const config = {
    bos_token: null,
    eos_token: "<|im_end|>",
    pad_token: { content: "<|endoftext|>", special: true },
    additional_special_tokens: ["<|im_start|>", { content: "<|im_end|>" }, 3],
    chat_template: "x",
  };
  expect(specialTokenStrings(config)).toEqual({
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    additional_special_tokens: ["<|im_start|>", "<|im_end|>"],
  });
  expect(specialTokenStrings(undefined)).toEqual({});
});
