import type { Rolldown } from "tsdown";
import { type ESTree, parseSync, Visitor } from "vite";

/**
 * Puts each statement and each member of a class on a line of its own. Of an error that nobody catches Node prints the whole line that throws it, and a file
 * without white space is one line.
 */
export function statementLines(): Rolldown.Plugin {
  return {
    name: "statement-lines",
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === "chunk" && chunk.fileName.endsWith(".js"))
          chunk.code = withLines(chunk.fileName, chunk.code);
      }
    },
  };
}

/** @throws Error when the code cannot be parsed */
function withLines(name: string, code: string): string {
  const { program, errors } = parseSync(name, code, { sourceType: "module" });
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]!.message}`);
  const starts = new Set<number>();
  const add = (nodes: readonly ESTree.Node[]): void => {
    for (const { start } of nodes) starts.add(start);
  };
  new Visitor({
    Program: ({ body }) => add(body),
    BlockStatement: ({ body }) => add(body),
    ClassBody: ({ body }) => add(body),
    StaticBlock: ({ body }) => add(body),
    SwitchCase: ({ consequent }) => add(consequent),
  }).visit(program);
  let lines = "";
  let end = 0;
  for (const start of [...starts].sort((a, b) => a - b)) {
    lines += code.slice(end, start);
    if (lines !== "" && !lines.endsWith("\n")) lines += "\n";
    end = start;
  }
  return lines + code.slice(end);
}
