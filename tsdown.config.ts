import { defineConfig, type UserConfig } from "tsdown";
import manifest from "./package.json" with { type: "json" };
import { checkOutput } from "./packaging/check-output.ts";
import { thirdPartyLicences } from "./packaging/third-party-licences.ts";
import { workerUrls } from "./packaging/worker-urls.ts";

/** What a page or a program that embeds the engine loads. */
const library = {
  index: "src/index.ts",
  position: "src/position/index.ts",
  "engine-worker": "src/engine/engine-worker.ts",
  "text-worker": "src/engine/text-worker.ts",
};

const shared: UserConfig = {
  fixedExtension: false,
  hash: false,
  // In a folder of their own: a shared piece must not take the name of an entry.
  outputOptions: { chunkFileNames: "chunks/[name].js" },
  report: false,
  hooks: { "build:done": ({ options }) => checkOutput(options.outDir) },
};

const node: UserConfig = {
  ...shared,
  name: "node",
  entry: { ...library, cli: "src/cli/main.ts" },
  outDir: "dist",
  platform: "node",
  // What the engine needs is installed beside it; what only the command line needs goes into its file.
  deps: { onlyBundle: false, onlyImport: Object.keys(manifest.dependencies) },
  dts: { entry: [library.index, library.position] },
  plugins: [workerUrls(library), thirdPartyLicences({ into: ["cli.js"] })],
};

const browser: UserConfig = {
  ...shared,
  name: "browser",
  entry: library,
  outDir: "dist/browser",
  platform: "browser",
  target: "es2024",
  // A worker of a page without a bundler finds no package by its name, so the files stand for themselves.
  deps: { onlyBundle: false, alwaysBundle: Object.keys(manifest.dependencies), onlyImport: [] },
  dts: false,
  plugins: [workerUrls(library), thirdPartyLicences({ into: ["text-worker.js"] })],
};

const config: UserConfig[] = defineConfig([node, browser]);

export default config;
