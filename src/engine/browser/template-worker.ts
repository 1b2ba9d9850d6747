import { serveTemplates } from "../template-methods.ts";

/** The worker that renders chat templates. */
serveTemplates({
  post: (message, transfer = []) => self.postMessage(message, { transfer: [...transfer] }),
  onMessage: (listener) => self.addEventListener("message", (event) => listener(event.data)),
});
