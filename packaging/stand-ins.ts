import type { Rolldown } from "tsdown";

/** Packages that nothing else here imports, and files of linkedom and of Plot by the names that these import them by. */
const unneeded: Readonly<Record<string, string>> = {
  htmlparser2: throwing("Parser"),
  "cssomnom/parse": throwing("parse"),
  "css-select": throwing("compile is selectAll selectOne"),
  // It would look for a package that paints.
  "../../commonjs/canvas.cjs": "export default {};",
  // Maps; Plot makes a transform when it is loaded.
  "d3-geo": `export function geoTransform() {}\n${throwing(
    `geoAlbers geoAlbersUsa geoAzimuthalEqualArea geoAzimuthalEquidistant geoCentroid geoClipRectangle geoConicConformal
    geoConicEqualArea geoConicEquidistant geoEqualEarth geoEquirectangular geoGnomonic geoGraticule10 geoMercator
    geoOrthographic geoPath geoStereographic geoStream geoTransverseMercator`,
  )}`,
  // Dates.
  "d3-time-format": throwing("timeFormat utcFormat"),
  // Colours are the page's, and so are legends; nothing follows a pointer.
  "./schemes.js": throwing(
    "isCategoricalScheme isDivergingScheme maybeBooleanRange ordinalRange ordinalScheme quantitativeScheme",
  ),
  "./legends.js":
    "export const createLegends = () => []; export function exposeLegends() {} export function legend() {}",
  "./interactions/pointer.js": throwing("pointer pointerX pointerY"),
  "./marks/tip.js": throwing("Tip tip"),
};
const prefix = "\0stand-in:";

/**
 * Leaves out what linkedom and Plot import and never call here: documents are built and written, not parsed, and charts have neither maps nor dates nor
 * colours of their own. In its place stands what throws.
 */
export function standIns(): Rolldown.Plugin {
  return {
    name: "stand-ins",
    resolveId: (id, importer = "") => {
      const name = id.replace("./scales/schemes.js", "./schemes.js");
      if (
        !Object.hasOwn(unneeded, name) ||
        (name.startsWith(".") && !/node_modules.(@observablehq.plot|linkedom)\b/.test(importer))
      )
        return undefined;
      return prefix + Object.keys(unneeded).indexOf(name);
    },
    load: (id) => (id.startsWith(prefix) ? Object.values(unneeded)[Number(id.slice(prefix.length))] : undefined),
  };
}

/** @param functions - their names */
function throwing(functions: string): string {
  return functions
    .split(/\s+/)
    .map((name) => `export function ${name}() { throw new Error("${name} is left out"); }`)
    .join("\n");
}
