/** Colours from dark to light paper, and what they are for. Heat: orange for none, blue for all, told apart by everybody; numbers stand in every cell. */
const light = `color-scheme:light;--page:#f5f6f8;--surface:#fff;--ink:#1a1f2b;--soft:#525b6b;--edge:#dde1e8;--grid:#e6e9ee;--accent:#1d4ed8;
--accent-soft:#eaf0ff;--beyond:#f1eee6;
--series-0:#5b6472;--series-1:#b4500b;--series-2:#8a3ab9;--series-3:#0b7a5e;--series-4:#1d4ed8;--series-5:#be1558;--series-6:#7a6208;--series-7:#0e7490;
--kept:#1d4ed8;--blended:#8a3ab9;--interpolated:#b4500b;
--heat-0:#b3470a;--heat-1:#e08a3c;--heat-2:#f5cfa0;--heat-3:#cfdff3;--heat-4:#7eaae3;--heat-5:#1f5bb5;
--heat-ink-0:#fff;--heat-ink-1:#1d1206;--heat-ink-2:#1d1206;--heat-ink-3:#0a1a33;--heat-ink-4:#0a1a33;--heat-ink-5:#fff`;

const dark = `color-scheme:dark;--page:#0f1218;--surface:#181c25;--ink:#e8ebf1;--soft:#a7b0bf;--edge:#2d3442;--grid:#2a303c;--accent:#8fb4ff;
--accent-soft:#1b2740;--beyond:#222226;
--series-0:#a4adbb;--series-1:#f59e57;--series-2:#cf97f2;--series-3:#46d1a8;--series-4:#82aaff;--series-5:#ff86ae;--series-6:#dcc14a;--series-7:#5cc8de;
--kept:#82aaff;--blended:#cf97f2;--interpolated:#f59e57;
--heat-0:#e8803a;--heat-1:#a85a22;--heat-2:#5c3d26;--heat-3:#2b4160;--heat-4:#3568ad;--heat-5:#8cb8ff;
--heat-ink-0:#1d1206;--heat-ink-1:#fff;--heat-ink-2:#fff;--heat-ink-3:#fff;--heat-ink-4:#fff;--heat-ink-5:#0a1a33`;

const page = `*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;
-webkit-text-size-adjust:100%;text-size-adjust:100%}
[lang=zh-CN]{line-height:1.7}
main,.bar{max-width:1480px;margin:auto;padding:0 clamp(16px,3vw,40px)}
.bar{display:flex;justify-content:space-between;align-items:center;padding-block:14px}
.brand{font-weight:700;letter-spacing:.02em}
.brand::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.5em;border-radius:50%;background:linear-gradient(135deg,var(--heat-1),var(--heat-5))}
.languages{display:flex;border:1px solid var(--soft);border-radius:999px;padding:2px;margin:0}
.languages label{position:relative;padding:3px 14px;border-radius:999px;cursor:pointer;font-size:14px}
.languages input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.languages label:has(:checked){background:var(--ink);color:var(--page)}
.languages label:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}
h1{font-size:clamp(26px,4.2vw,44px);line-height:1.15;letter-spacing:-.02em;margin:18px 0 8px;overflow-wrap:anywhere;text-wrap:balance}
h2{font-size:clamp(21px,2.4vw,27px);line-height:1.25;letter-spacing:-.01em;margin:0 0 6px}
h3{font-size:18px;margin:22px 0 0;overflow-wrap:anywhere}
p{margin:0 0 14px;max-width:78ch}
.lead,.note,figcaption span,dt{color:var(--soft)}
.lead{font-size:18px}
.note{font-size:14px}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,210px),1fr));margin:20px 0;border:1px solid var(--edge);border-radius:14px;overflow:hidden;background:var(--surface)}
.facts div{padding:10px 16px;box-shadow:0 0 0 .5px var(--edge)}
dt{font-size:13px}
dd{margin:0;font-weight:600;font-size:15px;overflow-wrap:anywhere}
section{background:var(--surface);border:1px solid var(--edge);border-radius:16px;padding:clamp(16px,2.4vw,32px);margin:20px 0}
.conclusion{background:var(--accent-soft);border-color:var(--accent);border-left-width:6px}
.conclusion p{font-size:17px;margin-bottom:8px}
.conclusion p:first-of-type{font-size:19px;font-weight:600}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:0;padding:0;font-size:15px}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,390px),1fr));gap:22px 30px;margin:14px 0 18px}
figure{margin:0;min-width:0;max-width:520px;break-inside:avoid}
figcaption{margin-bottom:4px;overflow-wrap:anywhere}
.chart{display:block;width:100%;height:auto;font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;
fill:currentColor;text-anchor:middle;font-variant-numeric:tabular-nums;overflow:visible}
.legend,.heat-legend ol{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:10px 0;padding:0;font-size:15px}
.legend li{display:flex;align-items:center;gap:7px}
.swatch{width:40px;height:14px;flex:none}
.heat-legend{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;font-size:13px;color:var(--soft)}
.heat-legend ol{gap:0;margin:0;font-size:12px;font-variant-numeric:tabular-nums}
.heat-legend li{padding:2px 9px}
.heat-legend li:first-child{border-radius:6px 0 0 6px}
.heat-legend li:last-child{border-radius:0 6px 6px 0}
details{margin-top:10px;border-top:1px solid var(--edge);padding-top:10px}
summary{cursor:pointer;font-weight:600;font-size:15px;color:var(--accent);overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;font-size:14px;line-height:1.4;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding-bottom:6px}
th,td{text-align:left;padding:5px 18px 5px 0;border-bottom:1px solid var(--edge);vertical-align:top}
tbody th{font-weight:600}
thead th{color:var(--soft);font-weight:600;white-space:nowrap}
tbody td:not(.words),thead th:not(.words){text-align:right}
#en-settings td,#zh-CN-settings td{overflow-wrap:anywhere;min-width:16ch}
pre{margin:0;padding:14px 16px;border-radius:10px;background:var(--page);border:1px solid var(--edge);font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:14px;padding:8px 0 40px}
@media (max-width:480px){.chart{font-size:14.5px}section{border-radius:12px}}`;

const print = `@media print{:root{${light}}@page{margin:14mm}body{background:#fff;font-size:11pt}main{max-width:none;padding:0}.bar,nav{display:none}
section{border:0;padding:0;margin:22pt 0}.conclusion{padding:10pt 14pt;border:1px solid;border-left-width:5pt}
.figures{grid-template-columns:1fr 1fr;gap:12pt}h2,figcaption,.legend{break-after:avoid}tr,figure,.heat-legend{break-inside:avoid}thead{display:table-header-group}
.scroll{overflow:visible}table{font-size:8.5pt}th,td{padding-right:9pt}details::details-content{content-visibility:visible;block-size:auto}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}`;

/** The page's only style sheet. */
export const style: string = `:root{${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
${page}
${print}`;
