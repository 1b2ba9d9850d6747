import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The folder of the model that comes with the package. */
export const embeddedModel: string = fileURLToPath(new URL(".", import.meta.resolve("#models/tiny-qwen2/config.json")));

/** @returns the lines of the text that comes with it, which it was not trained on */
export async function readEmbeddedText(): Promise<readonly string[]> {
  const text = await readFile(new URL("haystack.txt", import.meta.resolve("#models/tiny-qwen2/config.json")), "utf8");
  return text.split("\n").filter((line) => line !== "");
}
