import type { Rolldown } from "tsdown";

/** What charts are drawn on is a document that is built and written: nothing of it is parsed, selected or painted, and no chart is a map. */
const unneeded: Readonly<Record<string, string>> = {
  htmlparser2: throwing("Parser"),
  "cssomnom/parse": throwing("parse"),
  "css-select": throwing("compile", "is", "selectAll", "selectOne"),
  // Maps; Plot makes a transform when it is loaded.
  "d3-geo": `export function geoTransform() {}\n${throwing(
    ...[
      "geoAlbers",
      "geoAlbersUsa",
      "geoAzimuthalEqualArea",
      "geoAzimuthalEquidistant",
      "geoCentroid",
      "geoClipRectangle",
    ],
    ...[
      "geoConicConformal",
      "geoConicEqualArea",
      "geoConicEquidistant",
      "geoEqualEarth",
      "geoEquirectangular",
      "geoGnomonic",
    ],
    ...[
      "geoGraticule10",
      "geoMercator",
      "geoOrthographic",
      "geoPath",
      "geoStereographic",
      "geoStream",
      "geoTransverseMercator",
    ],
  )}`,
  // It would look for a package that paints.
  "../../commonjs/canvas.cjs": "export default {};",
};
const names = Object.keys(unneeded);
const prefix = "\0stand-in:";

/** Leaves packages out that linkedom and Plot import for what is never called here: in their places stands what throws. */
export function standIns(): Rolldown.Plugin {
  return {
    name: "stand-ins",
    resolveId: (id) => (names.includes(id) ? `${prefix}${names.indexOf(id)}` : undefined),
    load: (id) => (id.startsWith(prefix) ? unneeded[names[Number(id.slice(prefix.length))]!] : undefined),
  };
}

function throwing(...functions: readonly string[]): string {
  return functions.map((name) => `export function ${name}() { throw new Error("${name} is left out"); }`).join("\n");
}
