import { serveJob } from "../../child.ts";
import { openLlama } from "./engine.ts";

serveJob(openLlama);
