import { defineConfig, type UserConfig } from "tsdown";

const node: UserConfig = {
  entry: {
    index: "src/index.ts",
    position: "src/position/index.ts",
    "engine-worker": "src/engine/engine-worker.ts",
    "text-worker": "src/engine/text-worker.ts",
    cli: "src/cli/main.ts",
  },
  platform: "node",
  target: "node24",
  fixedExtension: false,
  hash: false,
  dts: { entry: ["src/index.ts", "src/position/index.ts"], generator: "oxc" },
};

const config: UserConfig[] = defineConfig([node]);

export default config;
