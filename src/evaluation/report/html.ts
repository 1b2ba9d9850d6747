/** Markup that is safe to be part of a page. Only {@link html} and {@link trusted} make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Html | string | number | undefined | readonly Content[];

/**
 * Markup in which everything that is put in is text, unless it is markup itself. Lists are put one after the other.
 *
 * @example
 * html`<p title="${name}">${texts.map((text) => html`<b>${text}</b>`)}</p>`
 */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, i) => text + asMarkup(contents[i - 1]) + part));
}

/** For what is written here, or by a library that escapes. Never for what a result says. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function asMarkup(content: Content): string {
  if (content instanceof Html) return content.text;
  if (Array.isArray(content)) return content.map(asMarkup).join("");
  if (content === undefined) return "";
  return escapeText(String(content));
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Without what a page may not have, and what turns the direction of writing. */
export function cleanText(text: string): string {
  return text.toWellFormed().replace(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}
