import { serveJob } from "./child.ts";
import { openSkein } from "./skein-engine.ts";

serveJob(openSkein);
