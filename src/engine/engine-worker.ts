import { openSource, platform } from "#platform";
import { becomeThread } from "#threads";
import { serve } from "./channel.ts";
import type { EngineMethods } from "./methods.ts";
import { EngineHost } from "./runtime/engine-host.ts";

/** The worker that computes: one model, its sessions, its steps. */
const host = new EngineHost(openSource);

if (!becomeThread()) serve<EngineMethods>(platform.ownerPort(), host.handlers);
