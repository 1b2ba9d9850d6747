import { resolve } from "node:path";
import { defineConfig, type UserConfig } from "tsdown";
import manifest from "./package.json" with { type: "json" };
import { checkOutput } from "./packaging/check-output.ts";
import { fileUrls } from "./packaging/file-urls.ts";
import { kernelModuleNames, kernelModules } from "./packaging/kernel-modules.ts";
import { minifyFiles } from "./packaging/minify-files.ts";
import { standIns } from "./packaging/stand-ins.ts";
import { statementLines } from "./packaging/statement-lines.ts";
import { thirdPartyLicences } from "./packaging/third-party-licences.ts";
import { withoutFileBlob } from "./packaging/without-file-blob.ts";

/** What a page and a program that embeds the engine load. */
const library = {
  index: "src/index.ts",
  position: "src/position/index.ts",
  "engine-worker": "src/engine/engine-worker.ts",
  "text-worker": "src/engine/text-worker.ts",
};

/** What only Node runs besides. */
const nodeEntries = {
  ...library,
  "quantize-worker": "src/engine/node/quantize-worker.ts",
  "merge-worker": "src/engine/node/merge-worker.ts",
  "thread-worker": "src/backend/wasm/node/thread-worker.ts",
  "template-process": "src/engine/node/template-process.ts",
};

const browserEntries = {
  ...library,
  "gguf-worker": "src/engine/browser/gguf-worker.ts",
  "template-worker": "src/engine/browser/template-worker.ts",
};

let unfinished = 2;

// In a folder of their own: a shared piece must not take the name of an entry.
const outputOptions = { chunkFileNames: "chunks/[name].js" };

const shared: UserConfig = {
  fixedExtension: false,
  hash: false,
  outputOptions,
  report: false,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  hooks: {
    // When both builds are done: the one for Node uses the kernels of the other.
    "build:done": async () => {
      unfinished--;
      if (unfinished === 0) await checkOutput("dist");
    },
  },
};

const treeshake = {
  // Little is needed of these large packages, which do not say that their files do nothing by themselves, or that one does which is not needed.
  moduleSideEffects: [
    { test: /node_modules.(@huggingface.(gguf|hub|tasks)|@observablehq.plot|linkedom|d3[\w-]*)\b/, sideEffects: false },
  ],
  // What defines kernels: the package has them assembled, and needs of their files a few numbers.
  manualPureFunctions: [
    ...["defineKernel", "defineInner", "defineRow", "defineRows", "defineTiles", "defineEmbed", "defineExpansion"],
    ...["defineFloatRow", "defineWidenedRows", "defineQ4Row", "defineQ4Rows", "defineQ4KRow"],
  ],
};

const node: UserConfig = {
  ...shared,
  name: "node",
  entry: { ...nodeEntries, cli: "src/cli/main.ts", skein: "src/cli/start.ts" },
  outDir: "dist",
  platform: "node",
  outputOptions: {
    ...outputOptions,
    // What two entries have in common would be a file for each few lines, which every import reads.
    codeSplitting: {
      groups: [
        { name: "errors", test: /src.errors\.ts$/, priority: 1 }, // skein/position has these too
        { name: "position", test: /src.position.\w+\.ts$/, priority: 1 },
        {
          name: "checkpoint",
          test: /src.(checkpoint.(files|errors|widen|quantise|tensors|shards|safetensors|json-keys|node.directory|gguf.(encode-numbers|written-types|follow-gguf)|hub.(errors|model-id))|text.tokenizer-files)\.ts$/,
        },
        {
          name: "charts",
          test: /node_modules.(@observablehq.plot|linkedom|uhyphen|d3[\w-]*|isoformat|interval-tree-1d|internmap)\b|stand-in:/,
        },
        { name: "terminal", test: /node_modules.(?!@huggingface)/ },
        // Not all of context/ and model/: inspecting needs more of them than loading, and is read when it is asked for.
        { name: "platform", test: /src.(engine.(node.platform|channel|source)|sampling.options|model.published)\.ts$/ },
      ],
    },
  },
  inputOptions: {
    resolve: {
      conditionNames: ["packaged", "node", "import"],
      // In the sources that come with the package each function is a file of its own, in its build all of them are one.
      alias: { "@huggingface/hub": resolve("node_modules/@huggingface/hub/index.ts") },
    },
    treeshake,
  },
  // What the engine needs is installed beside it; what only the command line needs goes into its file.
  deps: { onlyBundle: false, onlyImport: Object.keys(manifest.dependencies) },
  // What is marked @internal are constructors that nobody else calls: their types would make half of the engine public.
  dts: { entry: [library.index, library.position], oxc: { stripInternal: true } },
  plugins: [
    fileUrls({ entries: nodeEntries, modules: kernelModuleNames.map((name) => `browser/${name}`) }),
    withoutFileBlob(),
    standIns(),
    minifyFiles({
      packages: ["chunks/charts.js", "chunks/terminal.js"],
      // What the command line has in common with `skein evaluate` is in `version.js`.
      own: ["cli.js", "chunks/version.js", "chunks/evaluate-action.js", "chunks/report.js"],
    }),
    statementLines(),
    thirdPartyLicences({
      into: ["cli.js", "chunks/charts.js", "chunks/terminal.js", "chunks/open-gguf.js", "chunks/open-hub.js"],
    }),
  ],
};

const browser: UserConfig = {
  ...shared,
  name: "browser",
  entry: browserEntries,
  outDir: "dist/browser",
  platform: "browser",
  target: "es2024",
  inputOptions: { treeshake },
  // A worker of a page without a bundler finds no package by its name, so the files stand for themselves.
  deps: { onlyBundle: false, alwaysBundle: Object.keys(manifest.dependencies), onlyImport: [] },
  dts: false,
  plugins: [
    fileUrls({ entries: browserEntries, modules: kernelModuleNames }),
    kernelModules(),
    withoutFileBlob(),
    thirdPartyLicences({ into: ["text-worker.js", "template-worker.js", "gguf-worker.js"] }),
  ],
};

const config: UserConfig[] = defineConfig([node, browser]);

export default config;
