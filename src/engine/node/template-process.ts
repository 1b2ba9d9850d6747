import { runInNewContext } from "node:vm";
import { SkeinError } from "../../errors.ts";
import { serveTemplates } from "../template-methods.ts";

const mostMilliseconds = Number(process.argv[2]);

// Ctrl-C reaches every process of a terminal; what it means is for the one that owns this.
process.on("SIGINT", () => {});

/** The process that renders chat templates. */
serveTemplates(
  {
    post: (message) => process.send?.(message),
    onMessage: (listener) => process.on("message", listener),
  },
  (render) => {
    try {
      return runInNewContext("render()", { render }, { timeout: mostMilliseconds }) as ReturnType<typeof render>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new SkeinError("template_timeout", "the chat template ran for too long and was stopped");
    }
  },
);
