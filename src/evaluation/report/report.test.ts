import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, test } from "vitest";
import { type Language, languages } from "../language.ts";
import type { AccuracyCell, Cell, EvaluationResult, PerplexityCell } from "../result.ts";
import { renderReport } from "./report.ts";
import { exampleResult } from "./test-result.ts";

const conclusion = { en: ["Use YaRN.", "Not linear."], zh: ["用 YaRN。", "不用 linear。"] };
const render = (result: EvaluationResult, language: Language = "en"): string =>
  renderReport(result, { language, conclusion });
const parse = (page: string): Document => parseHTML(page).document as unknown as Document;

describe("a report of all suites", () => {
  let page: string;
  let document: Document;
  beforeAll(() => {
    page = render(exampleResult());
    document = parse(page);
  });

  test("is well formed: what is opened is closed, in order, and identifiers are unique", () => {
    expect(openAtTheEnd(page)).toEqual([]);
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(50);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test("is the same page again", () => {
    expect(render(exampleResult())).toBe(page);
  });

  test("loads nothing, runs nothing, and says so to the browser", () => {
    const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]')!.getAttribute("content");
    expect(policy).toBe("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form|image|use|foreignObject)\b/i);
    expect(page).not.toMatch(/@import|\bsrc=|https?:|\bon\w+=/i);
    expect([...page.matchAll(/url\(([^)]*)\)/g)].map(([, target]) => target!.charAt(0)).join("")).toMatch(/^#+$/);
    for (const link of document.querySelectorAll("[href]"))
      expect(document.getElementById(link.getAttribute("href")!.slice(1)), link.outerHTML).not.toBeNull();
  });

  test("every picture has a name and a description, every table a caption and headings with a scope", () => {
    const pictures = [...document.querySelectorAll("svg")].filter((svg) => !svg.hasAttribute("aria-hidden"));
    expect(pictures.length).toBeGreaterThan(40);
    for (const svg of pictures) {
      expect(svg.getAttribute("role")).toBe("img");
      for (const [attribute, name] of [
        ["aria-labelledby", "title"],
        ["aria-describedby", "desc"],
      ] as const) {
        const element = svg.querySelector(name)!;
        expect(element.id).toBe(svg.getAttribute(attribute));
        expect(element.textContent).toMatch(/\S/);
      }
      expect(svg.closest("figure")?.querySelector("figcaption")?.textContent).toMatch(/\S/);
    }
    for (const table of document.querySelectorAll("table")) {
      expect(table.querySelector("caption")?.textContent).toMatch(/\S/);
      expect([...table.querySelectorAll("th")].filter((th) => !th.hasAttribute("scope"))).toEqual([]);
      const widths = [...table.querySelectorAll("tr")].map((row) => row.children.length);
      expect(new Set(widths).size).toBe(1);
    }
  });

  test("is in both languages, one as much as the other, each with one first heading and no level left out", () => {
    const articles = [...document.querySelectorAll("article")];
    expect(articles.map((article) => article.getAttribute("lang"))).toEqual(["en", "zh-CN"]);
    for (const selector of ["section", "figure", "svg", "table", "tr", "td", "p", "li", "dt"]) {
      const [english, chinese] = articles.map((article) => article.querySelectorAll(selector).length);
      expect(chinese, selector).toBe(english);
    }
    for (const article of articles) {
      const levels = [...article.querySelectorAll("h1,h2,h3,h4")].map(({ localName }) => Number(localName[1]));
      expect(levels.filter((level) => level === 1).length).toBe(1);
      expect(levels.every((level, index) => level <= (levels[index - 1] ?? 0) + 1)).toBe(true);
    }
    const chinese = articles[1]!;
    for (const element of chinese.querySelectorAll("h1,h2,caption,summary,title,desc"))
      expect(element.textContent).toMatch(/\p{Script=Han}/u);
    for (const [index, language] of languages.entries())
      for (const sentence of conclusion[language]) expect(articles[index]!.textContent).toContain(sentence);
  });

  test.each(["en", "zh"] as const)("shows %s first, if it is asked to", (language) => {
    const shown = parse(render(exampleResult(), language));
    expect(shown.documentElement.getAttribute("lang")).toBe(language === "en" ? "en" : "zh-CN");
    expect(shown.querySelector("input[checked]")?.id).toBe(`show-${language}`);
    const hidden = language === "en" ? "zh-CN" : "en";
    expect(shown.querySelector("style")!.textContent).toContain(`\narticle[lang=${hidden}]{display:none}`);
  });

  test("has every measured figure, with its interval", () => {
    const rows = [...document.querySelectorAll("#en-passkey tbody tr")].map((row) =>
      [...row.children].map(({ textContent }) => textContent),
    );
    expect(rows).toContainEqual(["none", "passkey", "1,024", "60", "5%", "1–14%"]);
    expect(rows).toContainEqual(["yarn-dynamic\u00a0×4", "passkey", "128", "0–25%", "60", "94%", "84–98%"]);
    const [map] = document.querySelectorAll("#en-passkey svg");
    const numbers = [...map!.querySelectorAll("text")].map(({ textContent }) => textContent);
    expect(numbers.filter((number) => number === "90").length).toBe(8);
    expect(numbers.filter((number) => number === "5").length).toBe(4);
  });

  test("says how to run it again, as a shell takes it", () => {
    const command = document.querySelector("#en-again code")!.textContent;
    expect(command).toBe(`skein evaluate models/example --report 'it'\\''s here.html'`);
  });
});

describe("whatever the result says is text", () => {
  const attack = `"'></title></desc></style><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\0&amp;\ud800`;

  test("in every field", () => {
    const result = replaceTexts(exampleResult(), (text) => text + attack) as EvaluationResult;
    const hostile = { ...result, behaviour: { kind: attack as "static", reasons: [] } };
    const page = renderReport(hostile, { language: "en", conclusion: { en: [attack], zh: [attack] } });
    expect(page).not.toMatch(/<(script|img)/i);
    expect(page.replace(/[\n\t]/g, "")).not.toMatch(/\p{Cc}|\u202e|\p{Cs}/u);
    expect(openAtTheEnd(page)).toEqual([]);
    const document = parse(page);
    expect(document.querySelector("h1")!.textContent).toContain("<script>alert(1)</script>");
    for (const element of document.querySelectorAll("*"))
      expect([...element.attributes].filter(({ name }) => /^on|^src/i.test(name))).toEqual([]);
  });

  test.each(["__proto__", "constructor", "toString"])("also where it is the name %s", (name) => {
    const result = exampleResult();
    const cells = result.cells.map((cell) => ({ ...cell, method: name, task: name }));
    const page = render({ ...result, cells: cells as unknown as EvaluationResult["cells"] });
    expect(page).not.toMatch(/native code|\[object|undefined|NaN/);
  });
});

describe("a result that has little", () => {
  const full = exampleResult();
  const only = (keep: (cell: EvaluationResult["cells"][number]) => boolean): EvaluationResult => ({
    ...full,
    cells: full.cells.filter(keep),
    omitted: [],
  });
  const { rotary: _, ...unknown } = full.subject;
  const cases: Readonly<Record<string, EvaluationResult>> = {
    ...Object.fromEntries(full.settings.suites.map((suite) => [suite, only((cell) => cell.suite === suite)])),
    "one method": only(({ method }) => method === "yarn-dynamic"),
    "one length": only(({ length, method }) => length === 1024 && method !== "none"),
    "only within the window": only(({ length }) => length <= 128),
    "no depths": changed(full, "passkey", ({ depths: _, ...cell }) => cell),
    "no intervals": changed(full, "perplexity", ({ interval: _, positions, ...cell }) => ({
      ...cell,
      positions: positions.map(({ interval: _, ...position }) => position),
    })),
    "perplexity without end": changed(full, "perplexity", (cell) => ({
      ...cell,
      ...(cell.method === "none" && {
        perplexity: Number.POSITIVE_INFINITY,
        interval: [3, Number.POSITIVE_INFINITY] as const,
      }),
    })),
    "an endpoint": {
      ...only(({ method, suite }) => method === "none" && (suite === "passkey" || suite === "speed")),
      subject: {
        ...{ kind: "endpoint", name: "Qwen/Qwen2-7B", url: "http://host:8000/v1", nativeWindow: 256 },
        originalWindow: 256,
      },
      behaviour: { kind: "static", reasons: [] },
    },
    "an unknown encoding": { ...only(({ suite }) => suite === "speed"), subject: unknown },
  };

  test.each(Object.entries(cases))("%s", (name, result) => {
    const page = render(result);
    expect(openAtTheEnd(page)).toEqual([]);
    expect(page.replace(/<style>.*?<\/style>/s, "")).not.toMatch(/NaN|Infinity|undefined|\[object/);
    const sections = [...parse(page).querySelectorAll("article[lang=en] section[id]")].map(({ id }) => id);
    if (name === "an endpoint") expect(page).toContain("like static scaling");
    if (name === "an endpoint" || name === "an unknown encoding") expect(sections).not.toContain("en-frequencies");
    for (const { suite } of result.cells) expect(sections).toContain(`en-${suite}`);
    expect(sections.length).toBe(
      new Set(result.cells.map(({ suite }) => suite)).size + (sections.includes("en-frequencies") ? 3 : 2),
    );
  });
});

/** With the cells of one suite only, and these changed. */
function changed<S extends "passkey" | "perplexity">(
  result: EvaluationResult,
  suite: S,
  change: (cell: S extends "passkey" ? AccuracyCell : PerplexityCell) => Cell,
): EvaluationResult {
  const cells = result.cells.filter((cell) => cell.suite === suite) as unknown as Parameters<typeof change>[0][];
  return { ...result, cells: cells.map(change) };
}

/** Elements that are open when the page ends, and the first that is closed in another's place. */
function openAtTheEnd(page: string): readonly string[] {
  const open: string[] = [];
  for (const [, slash, name = "", rest = ""] of page.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:"[^"]*"|[^">])*)>/g)) {
    if (/^(meta|input)$/.test(name) || rest.endsWith("/")) continue;
    if (slash === "") open.push(name);
    else if (open.pop() !== name) return [...open, `</${name}>`];
  }
  return open;
}

/** All but what says which of several shapes a thing has. */
function replaceTexts(value: unknown, replace: (text: string) => string, key?: string): unknown {
  if (typeof value === "string") return key === "suite" || key === "suites" || key === "kind" ? value : replace(value);
  if (Array.isArray(value)) return value.map((entry) => replaceTexts(entry, replace, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, replaceTexts(entry, replace, name)]));
}
