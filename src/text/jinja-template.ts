import { parse, Template, tokenize } from "@huggingface/jinja";
import { InvalidConfigError, SkeinError } from "../errors.ts";
import { pythonStrftime, pythonStrip } from "./python-text.ts";
import { pythonEquals, pythonString, type TemplateValue } from "./python-values.ts";

/** A chat template, cut into its parts but not yet compiled. */
export interface JinjaTemplate {
  /** Everything that the template itself may write: its plain text and its string literals. */
  readonly texts: readonly string[];
  /** Whether it reads the parts of a message's content (`part.type == 'text'`); else it wants a string. */
  readonly readsContentParts: boolean;
  /**
   * Renders the template.
   *
   * @param variables - plain data
   * @param writeText - what to put in the place of each of the template's own texts; default: the text itself
   * @throws SkeinError `template_error` with the template's own message.
   */
  render(variables: Readonly<Record<string, unknown>>, writeText?: (text: string) => string): string;
}

/** Names that have a meaning in every template, and so cannot be arguments. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ..."true false none True False None namespace range raise_exception strftime_now".split(" "),
  ..."python_strip python_lstrip python_rstrip python_trim python_strftime_now".split(" "),
  ..."python_string python_equals python_differs".split(" "),
]);

/**
 * Reads a chat template as transformers does (`trim_blocks`, `lstrip_blocks`, `tojson` that escapes nothing but JSON's
 * own, `raise_exception`, `strftime_now`, loop controls).
 *
 * Where the library differs from Python and templates notice, Python is followed: `strip("\n")` strips line feeds
 * only, `trim` and `strip()` strip Python's white space, what is no text is written as `str()` writes it, `==` compares
 * what lists and maps hold, `selectattr` finds what is not there undefined, a round of a loop knows nothing of the last
 * one's variables, month names are English.
 *
 * @throws InvalidConfigError when the template is not text.
 * @throws SkeinError `template_error` when it cannot be read.
 */
export function readJinjaTemplate(template: string): JinjaTemplate {
  if (typeof template !== "string") {
    throw new InvalidConfigError(
      "chat_template",
      `must be a text, got ${template === null ? "null" : typeof template}`,
    );
  }
  const lines = template.replace(/\r\n?/g, "\n"); // as Jinja does; the library trims line feeds only
  const tokens = reportErrors(() => tokenize(lines, { lstrip_blocks: true, trim_blocks: true }));
  for (const token of tokens) {
    if (token.type === "Identifier" && token.value === "strftime_now") token.value = "python_strftime_now";
  }
  const isText = (type: string): boolean => type === "Text" || type === "StringLiteral";
  return {
    texts: tokens.filter(({ type }) => isText(type)).map(({ value }) => value),
    readsContentParts: tokens.some(
      ({ type, value }, index) =>
        value === "text" && (type === "StringLiteral" || (type === "Identifier" && tokens[index - 1]?.type === "Dot")),
    ),
    render: (variables, writeText = (text) => text) =>
      reportErrors(() => {
        const written = tokens.map(({ type, value }) => ({ type, value: isText(type) ? writeText(value) : value }));
        const compiled = new Template("");
        compiled.parsed = parse(written);
        followPython(compiled.parsed);
        return compiled.render({ ...variables, ...pythonFunctions() });
      }),
  };
}

function reportErrors<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    // A template that nests or recurses too deeply ends in a RangeError, which belongs here too.
    const message = error instanceof Error ? error.message : String(error);
    throw new SkeinError("template_error", `chat template: ${message}`, { cause: error });
  }
}

interface Node {
  type: string;
  [key: string]: unknown;
}

/**
 * Rewrites, in the parsed template, what the library computes otherwise than Python, mostly to calls of our functions.
 *
 * @param depth - in so many loops
 */
function followPython(value: unknown, depth = 0): void {
  if (Array.isArray(value)) {
    for (const item of value) followPython(item, depth);
  } else if (value instanceof Map) {
    for (const entry of value) followPython(entry, depth);
  } else if (isNode(value)) {
    const inside = value.type === "For" ? depth + 1 : depth;
    rewriteBlocks(value, inside);
    for (const child of Object.values(value)) followPython(child, inside);
    rewriteStrip(value);
    rewriteFilter(value);
    rewriteOperator(value);
  }
}

/** Statements of a block that write nothing themselves; all others are expressions, or the template's text. */
const SILENT = new Set(
  "Set If For Macro CallStatement FilterStatement Break Continue Comment StringLiteral".split(" "),
);

/** `{{ x }}` to `{{ python_string([x]) }}`, and loops as `startRoundsAfresh` says. */
function rewriteBlocks(node: Node, depth: number): void {
  for (const name of ["body", "alternate", "defaultBlock"]) {
    const block = node[name];
    if (!Array.isArray(block)) continue;
    node[name] = block.flatMap((statement: Node) => {
      if (statement.type === "For") return [...startRoundsAfresh(statement, depth), statement];
      return SILENT.has(statement.type) ? [statement] : [stringOf(statement)];
    });
  }
}

/**
 * Jinja begins each round of a loop with the variables from outside, the library with what the round before has set. So these variables are kept before the
 * loop, and set to what they were at the head of each round.
 *
 * @returns what has to stand before the loop
 */
function startRoundsAfresh(loop: Node, depth: number): Node[] {
  const own = targetNames(loop.loopvar);
  const names = [...new Set(assignedNames(loop.body))].filter((name) => !own.includes(name));
  const kept = (name: string): string => `${name} outside ${depth}`; // which is no name in a template
  loop.body = [...names.map((name) => assignment(name, kept(name))), ...(loop.body as Node[])];
  return names.map((name) => assignment(kept(name), name));
}

/** What statements set, but for those that have variables of their own. */
function assignedNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(assignedNames);
  if (!isNode(value) || ["For", "Macro", "CallStatement"].includes(value.type)) return [];
  const names = value.type === "Set" ? targetNames(value.assignee) : [];
  return [...names, ...assignedNames(value.body), ...assignedNames(value.alternate)];
}

function targetNames(target: unknown): string[] {
  if (Array.isArray(target)) return target.flatMap(targetNames);
  if (!isNode(target)) return [];
  return target.type === "Identifier" ? [String(target.value)] : targetNames(target.value);
}

function assignment(name: string, from: string): Node {
  const identifier = (value: string): Node => ({ type: "Identifier", value });
  return { type: "Set", assignee: identifier(name), value: identifier(from), body: [] };
}

/** `x.strip(...)` to `python_strip(x, ...)`. */
function rewriteStrip(node: Node): void {
  const { callee } = node;
  if (node.type !== "CallExpression" || !isNode(callee) || callee.type !== "MemberExpression") return;
  const { property } = callee;
  if (callee.computed === true || !isNode(property) || !Array.isArray(node.args)) return;
  if (property.value !== "strip" && property.value !== "lstrip" && property.value !== "rstrip") return;
  property.value = `python_${property.value}`;
  node.args.unshift(callee.object);
  node.callee = property;
}

/**
 * `x | trim` and `x | trim(...)` to `python_trim(x, ...)`, `x | string` to `python_string([x])`. What does not have an attribute passes no test of the
 * library's, so `selectattr(name, "undefined")` becomes `rejectattr(name, "defined")`, and the other way round.
 */
function rewriteFilter(node: Node): void {
  const { filter, operand } = node;
  if (node.type !== "FilterExpression" || !isNode(filter)) return;
  const name = filter.type === "CallExpression" ? filter.callee : filter;
  if (!isNode(name) || name.type !== "Identifier") return;
  const args = filter.type === "CallExpression" && Array.isArray(filter.args) ? filter.args : [];
  if (name.value === "trim") Object.assign(node, callOf("python_trim", [operand, ...args]));
  if (name.value === "string" && isNode(operand)) Object.assign(node, stringOf(operand));
  const isSelect = name.value === "selectattr";
  const test: unknown = args[1];
  if (!(isSelect || name.value === "rejectattr") || !isNode(test) || test.value !== "undefined") return;
  name.value = isSelect ? "rejectattr" : "selectattr";
  test.value = "defined";
}

/** `x ~ y` to `python_string([x]) ~ python_string([y])`, `x == y` to `python_equals([x, y])`, `x != y` to `python_differs([x, y])`. */
function rewriteOperator(node: Node): void {
  const { operator, left, right } = node;
  if (node.type !== "BinaryExpression" || !isNode(operator) || !isNode(left) || !isNode(right)) return;
  if (operator.value === "~") Object.assign(node, { left: stringOf(left), right: stringOf(right) });
  if (operator.value === "==") Object.assign(node, callWithValues("python_equals", [left, right]));
  if (operator.value === "!=") Object.assign(node, callWithValues("python_differs", [left, right]));
}

function stringOf(node: Node): Node {
  return callWithValues("python_string", [node]);
}

/** Functions are given bare values; in a list they keep their types: `1.0` is no `1`. */
function callWithValues(name: string, values: readonly [Node, ...Node[]]): Node {
  const [like] = values;
  return likeNode(like, callOf(name, [likeNode(like, { type: "ArrayLiteral", value: values })]));
}

/** A call of one of our functions. */
function callOf(name: string, args: readonly unknown[]): Node {
  return { type: "CallExpression", callee: { type: "Identifier", value: name }, args };
}

/** The library looks for what a macro reads in nodes of its own class only. */
function likeNode(node: Node, fields: Node): Node {
  return Object.assign(Object.create(Object.getPrototypeOf(node)), fields);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function pythonFunctions(): Record<string, unknown> {
  const strip = (name: string, side: "both" | "left" | "right") => (text: unknown, characters: unknown) => {
    if (typeof text !== "string") throw new Error(`${name}() needs a string`);
    if (characters !== undefined && characters !== null && typeof characters !== "string") {
      throw new Error(`${name}() takes a string of characters`);
    }
    return pythonStrip(text, characters ?? null, side);
  };
  const trim = strip("trim", "both");
  return {
    python_strip: strip("strip", "both"),
    python_lstrip: strip("lstrip", "left"),
    python_rstrip: strip("rstrip", "right"),
    // Filters take what is undefined as an empty text.
    python_trim: (text: unknown, characters: unknown) => trim(text === undefined ? "" : text, characters),
    python_string: ([item]: readonly [TemplateValue]) => pythonString(item),
    python_equals: ([left, right]: readonly [TemplateValue, TemplateValue]) => pythonEquals(left, right),
    python_differs: ([left, right]: readonly [TemplateValue, TemplateValue]) => !pythonEquals(left, right),
    python_strftime_now: (format: unknown) => pythonStrftime(new Date(), String(format)),
  };
}
