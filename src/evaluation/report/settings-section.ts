import { samplesACell } from "../samples-a-cell.ts";
import { type ReportContext, type Section, table } from "./fragments.ts";
import { type Html, html } from "./html.ts";
import { formatCount, formatDuration, formatLength, formatNumber } from "./numbers.ts";

/** What was evaluated and how, all of it. */
export function settingsSection(context: ReportContext): Section {
  const { texts, series } = context;
  const { setting, value, method, meaning } = texts.columns;
  const methods = [...new Set(series.map((each) => each.method))].map((name) => [
    ...[name, Object.hasOwn(texts.methods, name) ? texts.methods[name]! : "–"],
  ]);
  const content = html`${table({ caption: texts.headings.settings, columns: [setting, value], rows: allFacts(context), words: 2 })}
${table({ caption: texts.methodsCaption, columns: [method, meaning], rows: methods, words: 2 })}
${omitted(context)}`;
  return { name: "settings", heading: texts.headings.settings, content };
}

/** The command, ready to be copied into a shell. */
export function againSection({ texts, result }: ReportContext): Section {
  const command = result.settings.command.map(quoteWord).join(" ");
  const content = html`<p>${texts.intros.again}</p>
<pre class="scroll" tabindex="0" role="group" aria-label="${texts.headings.again}"><code>${command}</code></pre>`;
  return { name: "again", heading: texts.headings.again, content };
}

/** What stands on top of the page. */
export function mainFacts(context: ReportContext): Html {
  const names = [
    "nativeWindow",
    "methods",
    "lengths",
    "samples",
    "text",
    "seed",
    "machine",
    "date",
    "behaviour",
  ] as const;
  const { facts } = context.texts;
  const shown = names.flatMap((name) => {
    const fact = factsOf(context)[name];
    return fact === undefined ? [] : [html`<div><dt>${facts[name]}</dt><dd>${fact}</dd></div>`];
  });
  return html`<dl class="facts">${shown}</dl>`;
}

function allFacts(context: ReportContext): readonly (readonly string[])[] {
  return Object.entries(factsOf(context)).flatMap(([name, fact]) =>
    fact === undefined ? [] : [[context.texts.facts[name as keyof typeof context.texts.facts], fact]],
  );
}

function factsOf({ texts, result, series }: ReportContext) {
  const { subject, settings, seconds, date, behaviour } = result;
  const { text, machine } = settings;
  const isModel = subject.kind === "model";
  const size = {
    characters: formatCount(text.characters),
    tokens: text.tokens === undefined ? undefined : formatCount(text.tokens),
  };
  const threads = machine.threads === undefined ? undefined : formatCount(machine.threads);
  const rotary = subject.rotary;
  return {
    model: isModel ? subject.name : undefined,
    server: isModel ? undefined : subject.name,
    address: subject.url,
    family: subject.family,
    nativeWindow: texts.tokens(formatCount(subject.nativeWindow)),
    originalWindow: texts.tokens(formatCount(subject.originalWindow)),
    declared: subject.declared === "default" ? texts.declaredNone : subject.declared,
    rotary: rotary && `head_dim ${formatCount(rotary.headDim)}, rope_theta ${formatNumber(rotary.ropeTheta)}`,
    weights: subject.weights,
    cache: subject.cache,
    backend: subject.backend,
    suites: settings.suites.join(", "),
    methods: series.map(({ label }) => label).join(", "),
    lengths: settings.lengths.map(formatLength).join(", "),
    samples: samplesACell(result, formatCount),
    share: formatCount(settings.share),
    seed: String(settings.seed),
    text: `${text.name} (${texts.textFact(size)})`,
    hash: text.hash,
    machine: `${machine.processor} (${texts.machineFact(formatCount(machine.cores), threads)})`,
    seconds: formatDuration(seconds),
    date: date?.replace("T", " ").replace(/:\d\d(\.\d+)?Z$/, " UTC"),
    version: settings.skein,
    behaviour: behaviour && texts.behaviour(behaviour.kind),
  };
}

function omitted({ texts, result }: ReportContext): Html | undefined {
  if (result.omitted.length === 0) return undefined;
  const { suite, task, length } = texts.columns;
  const rows = result.omitted.map((each) => [each.suite, each.task ?? texts.omittedAll, formatCount(each.length)]);
  return table({ caption: texts.omitted, columns: [suite, task, length], rows, words: 2 });
}

/** As a shell of POSIX wants it. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
