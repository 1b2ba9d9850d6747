import { type Language, languages } from "../language.ts";
import type { EvaluationResult } from "../result.ts";
import { accuracySection } from "./accuracy-section.ts";
import { consistencySection } from "./consistency-section.ts";
import { identify, type ReportContext, type Section, writeSection } from "./fragments.ts";
import { frequencySection } from "./frequency-section.ts";
import { cleanText, type Html, html, trusted } from "./html.ts";
import { perplexitySection } from "./perplexity-section.ts";
import { findSeries } from "./series.ts";
import { againSection, mainFacts, settingsSection } from "./settings-section.ts";
import { speedSection } from "./speed-section.ts";
import { style } from "./style.ts";
import { texts } from "./texts.ts";

export interface ReportOptions {
  /** The one that is shown first. */
  readonly language: Language;
  /** What to use, in sentences. */
  readonly conclusion: Readonly<Record<Language, readonly string[]>>;
}

/**
 * A page about a result: charts, tables, settings, in all languages. It needs no network and runs no script; what the result says is text in it,
 * whatever it looks like.
 */
export function renderReport(result: EvaluationResult, { language, conclusion }: ReportOptions): string {
  const series = findSeries(result);
  const contexts = languages.map((name) => ({ name, context: { result, series, texts: texts[name] } }));
  const others = languages.filter((name) => name !== language);
  const page = html`<!doctype html>
<html lang="${texts[language].tag}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${texts[language].title(result.subject.name)}</title>
<style>${trusted(style)}
${others.map((other) => switchStyle(language, other))}</style>
</head>
<body>
<header class="bar">
<span class="brand">Skein</span>
<div class="languages" role="radiogroup" aria-label="Language / 语言">${contexts.map(({ name, context }) => languageSwitch(name, context, name === language))}</div>
</header>
<main>${contexts.map(({ name, context }) => article(context, conclusion[name]))}</main>
</body>
</html>
`;
  return cleanText(page.text);
}

/** Which language is shown follows from which button is pressed, without a script. */
function switchStyle(first: Language, other: Language): Html {
  const [shown, hidden] = [first, other].map((name) => `article[lang=${texts[name].tag}]`);
  return html`${trusted(`${hidden}{display:none}
body:has(#show-${other}:checked) ${shown}{display:none}
body:has(#show-${other}:checked) ${hidden}{display:block}`)}`;
}

function languageSwitch(name: Language, { texts }: ReportContext, isFirst: boolean): Html {
  const checked = isFirst ? html` checked` : undefined;
  return html`<label lang="${texts.tag}"><input type="radio" name="language" id="show-${name}"${checked}>${texts.languageName}</label>`;
}

function article(context: ReportContext, conclusion: readonly string[]): Html {
  const { result, texts } = context;
  const measured = [
    accuracySection(context, "passkey"),
    accuracySection(context, "retrieval"),
    perplexitySection(context),
    frequencySection(context),
    consistencySection(context),
    speedSection(context),
  ];
  const sections: readonly Section[] = [
    ...measured.flatMap((section) => section ?? []),
    settingsSection(context),
    againSection(context),
  ];
  const heading = identify(context, "conclusion-heading");
  return html`
<article lang="${texts.tag}">
<h1>${texts.title(result.subject.name)}</h1>
<p class="lead">${texts.lead[result.subject.kind]}</p>
${mainFacts(context)}
<section class="conclusion" aria-labelledby="${heading}">
<h2 id="${heading}">${texts.headings.conclusion}</h2>
${conclusion.map((sentence) => html`<p>${sentence}</p>`)}
</section>
<nav aria-label="${texts.contents}"><ul>${sections.map(
    ({ name, heading }) => html`<li><a href="#${identify(context, name)}">${heading}</a></li>`,
  )}</ul></nav>
${sections.map((section) => writeSection(context, section))}
<footer>${texts.footer(result.settings.skein)}</footer>
</article>
`;
}
