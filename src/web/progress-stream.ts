/** The progress of a long action as lines of JSON; the last one is its result or its error. */
import type { RunOptions } from './actions.js';
import { httpErrorOf } from './http-error.js';

const everyMs = 250;

/** Runs an action. It stops when nothing reads the lines any more. */
export function progressStream(run: (options: RunOptions) => Promise<unknown>): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    start: async (controller) => {
      let sentAt = 0;
      const send = (line: object) => {
        if (!gone.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      const onProgress: RunOptions['onProgress'] = (progress) => {
        if (performance.now() - sentAt < everyMs) return;
        sentAt = performance.now();
        send({ progress });
      };
      try {
        send({ result: await run({ signal: gone.signal, onProgress }) });
      } catch (error) {
        const { code, message } = httpErrorOf(error);
        send({ error: { code, message } });
      }
      if (!gone.signal.aborted) controller.close();
    },
    cancel: () => gone.abort(new Error('the page was left')),
  });
}
