/** The page on Node's own server, and on frameworks that use its requests, such as Express. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request of Node. A framework may have read its body. */
type NodeRequest = IncomingMessage & { readonly body?: unknown };

/**
 * Returns a listener for `http.createServer`, Express or Connect. For Fastify, which reads bodies
 * first, call it after `reply.hijack()`, with `Object.assign(request.raw, { body: request.body })`
 * and `reply.raw`.
 *
 * @example
 * app.use('/jobs', node(web(callsheet, { path: '/jobs', authorize })));
 */
export function node(
  handler: (request: Request) => Promise<Response>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    try {
      const response = await handler(requestFrom(incoming, gone.signal));
      outgoing.writeHead(response.status, [...response.headers].flat());
      await send(response, outgoing);
    } catch (error) {
      // The head may have been sent: nothing but the connection can say that it failed.
      if (outgoing.headersSent) return void outgoing.destroy(error as Error);
      outgoing.writeHead(error instanceof BadRequest ? 400 : 500, { 'content-type': 'text/plain' });
      outgoing.end(error instanceof BadRequest ? error.message : 'the page failed');
    }
  };
}

class BadRequest extends Error {}

function requestFrom(incoming: NodeRequest, signal: AbortSignal): Request {
  const { method = 'GET', headers, url = '/' } = incoming;
  const host = headers.host ?? headers[':authority'] ?? '';
  const scheme = 'encrypted' in incoming.socket ? 'https' : 'http';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    const body = hasBody ? { body: bodyOf(incoming), duplex: 'half' } : {};
    // A path of two slashes would be a host.
    const address = new URL(`${scheme}://${host}${url.replace(/^\/+/, '/')}`);
    return new Request(address, { method, headers: headersOf(incoming), signal, ...body } as RequestInit);
  } catch (error) {
    throw new BadRequest((error as Error).message);
  }
}

function headersOf({ headers }: IncomingMessage): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(':') || value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
}

/** Returns the body, also if the framework has parsed it. */
function bodyOf(incoming: NodeRequest): unknown {
  return incoming.readableEnded || incoming.body !== undefined ? JSON.stringify(incoming.body ?? null) : incoming;
}

/** Writes the body as fast as the other side reads it. */
async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  if (response.body === null) return void outgoing.end();
  const reader = response.body.getReader();
  let goOn = () => {};
  outgoing.on('drain', () => goOn());
  outgoing.once('close', () => {
    goOn();
    reader.cancel().catch(() => {});
  });
  // Shows the tab at once that the stream is open.
  outgoing.flushHeaders();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value))
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
  }
  outgoing.end();
}
