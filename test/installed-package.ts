import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The oldest line of Node that the package supports, as a plain binary; the newest is the pinned one. */
const oldestNode = "24.21.0";
/** The types of that line, which lack some that newer ones have. */
const oldestTypes = "24.19.4";
const repository = fileURLToPath(new URL("..", import.meta.url));
const isWindows = process.platform === "win32";
const nodePackage = `node-${isWindows ? "win" : process.platform}-${process.arch}`;
const binary = isWindows ? "node.exe" : "node";

/** The package as somebody has it who installed it. */
export interface InstalledPackage {
  readonly tarball: string;
  /** A project that has it as its only dependency. */
  readonly project: string;
  /** Paths of the binaries. */
  readonly node24: string;
  readonly node26: string;
  /** The folder of the types of Node 24. */
  readonly types24: string;
  readonly remove: () => Promise<void>;
}

/** Builds, packs and installs the package outside the repository. */
export async function installPackage(): Promise<InstalledPackage> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "skein-package-")));
  const project = join(folder, "project");
  const old = join(folder, "node24");
  for (const path of [project, old]) {
    await mkdir(path);
    await writeFile(join(path, "package.json"), '{ "private": true, "type": "module" }\n');
  }
  await Promise.all([
    npm(["install", "--no-save", `${nodePackage}@${oldestNode}`, `@types/node@${oldestTypes}`], old),
    npm(["pack", "--pack-destination", folder], repository),
  ]);
  const tarball = join(folder, (await readdir(folder)).find((name) => name.endsWith(".tgz"))!);
  await npm(["install", tarball], project);
  return {
    tarball,
    project,
    node24: join(old, "node_modules", nodePackage, "bin", binary),
    node26: join(repository, "node_modules", "node", "bin", binary),
    types24: join(old, "node_modules", "@types"),
    remove: () => rm(folder, { recursive: true, maxRetries: 3 }),
  };
}

/**
 * Runs a command in the project, with nothing of this process around it: no flags, no Node on the path but the given one.
 *
 * @param args - Node's arguments; or a command that stands in the project, and its own
 * @throws Error with what it wrote, when it fails or does not end by itself
 */
export function runAlone(node: string, args: readonly string[], project: string): Promise<string> {
  const { HOME, TMPDIR, SystemRoot } = process.env;
  const PATH = [dirname(node), ...(isWindows ? [] : ["/usr/bin", "/bin"])].join(delimiter);
  const [command, ...rest] = args[0]?.startsWith(project) ? args : [node, ...args];
  return run(command!, rest, project, { PATH, HOME, TMPDIR, SystemRoot });
}

/** Runs a tool of the repository's own. @throws Error with what it wrote, when it fails */
export function runTool(name: string, args: readonly string[], cwd: string): Promise<string> {
  return run(join(repository, "node_modules", ".bin", name), args, cwd, plainEnvironment());
}

/** The bytes of the files in a folder and below. */
export async function folderBytes(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile())
    .map(async (file) => (await stat(join(file.parentPath, file.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function npm(args: readonly string[], cwd: string): Promise<string> {
  return run("npm", [...args, "--no-audit", "--no-fund"], cwd, plainEnvironment());
}

async function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const shell = isWindows && !command.endsWith(".exe");
  try {
    return (await execute(command, args, { cwd, env, shell, timeout: 90_000 })).stdout;
  } catch (error) {
    const { message, stdout, killed } = error as Error & { readonly stdout?: string; readonly killed?: boolean };
    throw new Error([message, killed ? "did not end within 90 seconds" : "", stdout].join("\n"), { cause: error });
  }
}

/** The environment as it was before npm and Vitest added to it. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const added = /^(npm_(?!config_)|npm_config_(local_|global_)?prefix$|NODE_(ENV|OPTIONS|PATH)$|VITEST|TEST$)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name))),
    PATH: [join(repository, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
  };
}
