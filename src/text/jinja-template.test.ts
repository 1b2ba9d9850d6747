import { expect, test, vi } from "vitest";
import { readJinjaTemplate } from "./jinja-template.ts";

function render(template: string, variables: Record<string, unknown> = {}): string {
  return readJinjaTemplate(template).render(variables);
}

// Each expected text is what Python's jinja2 gives with transformers' settings.
test.each<[string, Record<string, unknown>, string]>([
  ["{{ x.strip('\\n') }}|", { x: "\n a \n" }, " a |"],
  ["{{ x.lstrip('\\n') }}|", { x: "\n a \n" }, " a \n|"],
  [
    "{{ x.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|",
    { x: "<think>\n a\n</think>b" },
    " a|",
  ],
  ["{{ x.strip() }}|{{ x | trim }}|", { x: "\u0085\ufeff a \u001c" }, "\ufeff a|\ufeff a|"],
  ["{{ y | trim }}|", {}, "|"],
  ["{{ (x | trim('-'))[1:] }}|", { x: "--ab--" }, "b|"],
  ["{% macro m(t) %}{{ t.strip('x') | trim }}{% endmacro %}{{ m('x ax') }}", {}, "a"],
  ["{{ x | tojson }}", { x: { a: "<é&'\"", b: [1, true, null] } }, `{"a": "<é&'\\"", "b": [1, true, null]}`],
  [
    "{%- for m in x %}\n  {%- if not loop.last %}{% continue %}{% endif %}\n{{ m }}\n{%- endfor %}\n",
    { x: [1, 2] },
    "2",
  ],
  ["{% if true %}\r\na{% endif %}\r\n", {}, "a"],
  ["{{ 'a\r\nb' }}\rc\r", {}, "a\nb\nc"],
  ["{{ x | string }}|{{ 'a' ~ y }}|{{ z | string }}", { x: false, y: true, z: null }, "False|aTrue|None"],
  [
    "{{ x }}|{{ x | string }}|{{ '' ~ x }}",
    { x: { a: ["it's", 1.5, true, null] } },
    `{'a': ["it's", 1.5, True, None]}|{'a': ["it's", 1.5, True, None]}|{'a': ["it's", 1.5, True, None]}`,
  ],
  ["{{ u }}{{ u | string }}{{ u ~ u }}|{{ [u] }}", {}, "|[Undefined]"],
  ["{{ 4 / 2 }}|{{ 4 / 2 ~ '' }}|{{ ('a', 2) }}|{{ {} }}{{ [] }}", {}, "2.0|2.0|('a', 2)|{}[]"],
  ["{% macro m() %}{{ kwargs.a ~ (kwargs.b | string) }}{% endmacro %}{{ m(a=true, b=2) }}", {}, "True2"],
  [
    "{% if x %}{{ x }}{% else %}{{ y }}{% endif %}{% if y %}{% else %}{{ y }}{% endif %}{% for i in [z] %}{{ i }}{% endfor %}",
    { x: true, y: false, z: null },
    "TrueFalseNone",
  ],
  [
    "{% for i in [] %}{% else %}{{ x }}{% endfor %}{% set s %}{{ x }}{% endset %}{{ s | lower }}",
    { x: true },
    "Truetrue",
  ],
  [
    "{{ x == y }}{{ x != y }}{{ x == {'a': [1]} }}{{ x == {'b': 1} }}{{ [1] == [1.0] }}{{ [1] == [1, 2] }}",
    { x: { a: [1, { b: null }] }, y: { a: [1, { b: null }] } },
    "TrueFalseFalseFalseTrueFalse",
  ],
  ["{{ u == none }}{{ u != none }}{{ u == v }}{{ none == none }}", {}, "FalseTrueTrueTrue"],
  ["{{ 0 == '' }}{{ '1' == 1 }}{{ true == 1 }}{{ 1 == 1.0 }}{{ 'a' == 'a' }}", {}, "FalseFalseTrueTrueTrue"],
  [
    "{% for i in x %}{% if loop.first %}{% set y = 1 %}{% endif %}{{ 1 if y is defined else 0 }}{% endfor %}",
    { x: [1, 2] },
    "10",
  ],
  [
    "{% set y = 0 %}{% for i in x %}{{ y }}{% if loop.first %}{% set y = 1 %}{% endif %}{{ y }}{% endfor %}{{ y }}",
    { x: [1, 2] },
    "01000",
  ],
  [
    "{% set y = 0 %}{% for i in x %}{{ y }}{% set y = i %}{% for j in x %}{{ y }}{% set y, z = 7, 8 %}{{ y }}{% endfor %}{{ y }};{% endfor %}",
    { x: [1, 2] },
    "017171;027272;",
  ],
  ["{% for y in x %}{{ y }}{% set y = y + 5 %}{{ y }}{% endfor %}", { x: [1, 2] }, "1627"],
  [
    "{% macro m() %}{% for i in [1, 2] %}{{ kwargs.a }}{% set y = kwargs.b %}{{ y }}{% endfor %}{% endmacro %}{{ m(a=1, b=2) }}",
    {},
    "1212",
  ],
  ["{% set ns = namespace(y=0) %}{% for i in x %}{% set ns.y = ns.y + i %}{% endfor %}{{ ns.y }}", { x: [1, 2] }, "3"],
  ...["selectattr", "rejectattr"].flatMap((filter) =>
    ["undefined", "defined"].map((test): [string, Record<string, unknown>, string] => [
      `{{ x | ${filter}('c', '${test}') | map(attribute='r') | list }}`,
      { x: [{ r: 1 }, { r: 2, c: null }] },
      (filter === "selectattr") === (test === "undefined") ? "[1]" : "[2]",
    ]),
  ),
])("%s", (template, variables, expected) => {
  expect(render(template, variables)).toBe(expected);
});

test("strftime_now gives today's date in English", () => {
  vi.useFakeTimers({ now: new Date(2025, 2, 9) });
  try {
    expect(render("{{ strftime_now('%d %B %Y') }}")).toBe("09 March 2025");
  } finally {
    vi.useRealTimers();
  }
});

test("the template's own texts can be rewritten; data cannot", () => {
  const template = readJinjaTemplate("Ab{{ 'cd' + x ~ 'Ef' }}{# no #}");
  expect(template.texts).toEqual(["Ab", "cd", "Ef"]);
  expect(template.render({ x: "gh" }, (text) => text.toUpperCase())).toBe("ABCDghEF");
});

test.each([
  ["{% for m in messages %}{{ m.content['text'] }}{% endfor %}", true],
  ["{% for m in messages %}{{ m.content[0].text }}{% endfor %}", true],
  ["{% if 'text' in part %}{% endif %}", true],
  ["{{ text }} text", false],
  ["{{ messages[0].content }}", false],
])("whether %s reads the parts of a content: %s", (template, expected) => {
  expect(readJinjaTemplate(template).readsContentParts).toBe(expected);
});

test.each([
  ["{{ raise_exception('Roles must alternate') }}", "chat template: Roles must alternate"],
  ["{{ x.strip('a') }}", /chat template: strip\(\) needs a string/],
  ["{{ 'a'.strip(1) }}", /chat template: strip\(\) takes a string/],
  ["{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /^chat template: /],
])("%s is a template_error when rendered", (template, message) => {
  expect(() => render(template)).toThrow(message);
  expect(() => render(template)).toThrow(expect.objectContaining({ code: "template_error" }));
});

test.each(["{% if %}", "{{ 'open", "{% for x in y %}"])("%s is a template_error", (template) => {
  expect(() => render(template)).toThrow(expect.objectContaining({ code: "template_error" }));
});

test("Mistral's templates count the turns without the calls of tools", () => {
  const template = `{%- for message in messages | rejectattr("role", "equalto", "tool") | selectattr("tool_calls", "undefined") %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}{{ raise_exception("roles must alternate") }}{% endif %}
  {%- endfor %}ok`;
  const [user, assistant] = ["user", "assistant"].map((role) => ({ role, content: "x" }));
  const calls = [
    { ...assistant, tool_calls: [{}] },
    { role: "tool", content: "y" },
  ];
  expect(render(template, { messages: [user, ...calls, assistant, user] })).toBe("ok");
  expect(() => render(template, { messages: [user, user] })).toThrow("roles must alternate");
});

test("a template that is not text is refused", () => {
  expect(() => readJinjaTemplate(null as unknown as string)).toThrow(
    expect.objectContaining({ field: "chat_template" }),
  );
});
