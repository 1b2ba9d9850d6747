/**
 * Lets messages and other tasks run. A promise lets nothing in, and `setTimeout` adds milliseconds. In Node it must be `setImmediate`: a message
 * port there delivers up to a thousand messages of its own before another port gets its turn, so that an abort would not be heard.
 */
export const nextTask: () => Promise<void> =
  typeof setImmediate === "function" ? () => new Promise((resolve) => setImmediate(resolve)) : createMessageTask();

function createMessageTask(): () => Promise<void> {
  const channel = new MessageChannel();
  const waiting: (() => void)[] = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(null);
    });
}
