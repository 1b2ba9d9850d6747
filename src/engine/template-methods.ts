import { SkeinError } from "../errors.ts";
import { type ChatOptions, renderChat, renderChatPieces } from "../text/chat-template.ts";
import { type OwnerPort, serve } from "./channel.ts";
import type { RenderCall, TemplateMethods } from "./methods.ts";

/**
 * Answers the calls to render chat templates.
 *
 * @param limit - runs a template; it may end it, too
 */
export function serveTemplates(port: OwnerPort, limit: <T>(render: () => T) => T = (render) => render()): void {
  serve<TemplateMethods>(port, {
    ping: () => undefined,
    renderPieces: (call) =>
      naming(call, () => limit(() => renderChatPieces(chatOptions(call), call.template.controlTokens))),
    renderText: (call) => naming(call, () => limit(() => renderChat(chatOptions(call)))),
  });
}

function chatOptions({ template, ...call }: RenderCall): ChatOptions {
  return { ...call, template: template.text, specialTokenStrings: template.specialTokenStrings };
}

/** An error of the template's says which file it stands in. */
function naming<T>({ template }: RenderCall, render: () => T): T {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof SkeinError) || error.code !== "template_error") throw error;
    throw new SkeinError(error.code, `${error.message} (in ${template.origin})`, { cause: error });
  }
}
