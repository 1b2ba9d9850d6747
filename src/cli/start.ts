#!/usr/bin/env node

/*
 * What npm links as `skein`: npm installs a package under any Node, and an older one shows a syntax error of many lines for what is in the commands. So this file has
 * nothing in it that older ones cannot read.
 */
const leastNode = 24;
const { node } = process.versions;

if (Number.parseInt(node, 10) < leastNode) {
  process.stderr.write(`skein: needs Node ${leastNode} or newer, and this is ${node}\n`);
  process.exitCode = 1;
} else {
  await import("./main.ts");
}
