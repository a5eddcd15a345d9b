/** The page as a handler of requests. */
import type { Runtime } from '../runtime/runtime.js';
import { Visitors } from './access.js';
import { actions, countFor, type RunOptions } from './actions.js';
import { assetResponse, documentAt } from './assets.js';
import { checkHost, checkSite, isSecure, securityHeaders } from './guard.js';
import { plainDocument } from './html.js';
import { HttpError, httpErrorOf } from './http-error.js';
import { Live } from './live.js';
import { metrics } from './metrics.js';
import { openMetricsType } from './open-metrics.js';
import { type ResolvedOptions, resolveWebOptions, type Visitor, type WebOptions } from './options.js';
import { progressStream } from './progress-stream.js';
import { Shown } from './shown.js';
import { failures } from './views/failures.js';
import { health } from './views/health.js';
import { job } from './views/job.js';
import { jobs } from './views/jobs.js';
import { overview } from './views/overview.js';
import { queues } from './views/queues.js';
import { schedules } from './views/schedules.js';
import { threads } from './views/threads.js';
import { type LoggedAction, Memo, type View, type ViewContext } from './views/view.js';

/** The page of a runtime: a function from a request to its response, as in `fetch`. */
export interface WebHandler {
  (request: Request): Promise<Response>;
  /**
   * Makes a one-time link for one browser, valid for a day. `origin` is the beginning of the
   * address, such as `http://127.0.0.1:7070`.
   *
   * @throws {TypeError} the page has `authorize`.
   */
  link(origin: string): string;
  /** Ends the streams of open tabs. The runtime goes on. */
  close(): void;
}

const views: Readonly<Record<string, View>> = { overview, jobs, job, queues, threads, failures, schedules, health };
/** The addresses of the page itself. */
const pages = /^(?:jobs(?:\/[\w-]{1,64})?|queues|threads|failures|schedules|health)?$/;
const mostBodyBytes = 65_536;
const mostActions = 100;
/** Of at most 120 characters each. */
const mostLines = 2000;

/**
 * Returns the page of a runtime, or of a client of one in another process. Mount it with any server
 * that has requests as in `fetch`, or with `node()`.
 *
 * Without `authorize`, only browsers that followed a link of `link()` have access.
 *
 * @throws {TypeError | RangeError} an option is wrong.
 * @example
 * const page = web(callsheet);
 * http.createServer(node(page)).listen(7070, '127.0.0.1');
 * console.log(page.link('http://127.0.0.1:7070'));
 */
export function web(callsheet: Runtime, options: WebOptions = {}): WebHandler {
  const page = new Page(callsheet, resolveWebOptions(options));
  return Object.assign((request: Request) => page.respond(request), {
    link: (origin: string) => page.link(origin),
    close: () => page.close(),
  });
}

class Page {
  readonly #callsheet: Runtime;
  readonly #options: ResolvedOptions;
  readonly #visitors: Visitors;
  readonly #live = new Live();
  /** Newest first. */
  readonly #actions: LoggedAction[] = [];
  readonly #context: ViewContext;

  constructor(callsheet: Runtime, options: ResolvedOptions) {
    this.#callsheet = callsheet;
    this.#options = options;
    this.#visitors = new Visitors(options);
    const [memo, lines] = [new Memo(), new Memo(mostLines)];
    this.#context = { callsheet, shown: new Shown(options.show), memo, lines, actions: this.#actions };
  }

  link(origin: string): string {
    const token = this.#visitors.makeToken();
    return new URL(`${this.#options.path}?token=${token}`, origin).href;
  }

  close(): void {
    this.#live.close();
  }

  async respond(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { path } = this.#options;
    // A server may have removed the path at which it mounted the page.
    const route = `${pathname}/`.startsWith(path) ? pathname.slice(path.length) : pathname.slice(1);
    let response: Response;
    try {
      response = await this.#route(route, request);
    } catch (error) {
      response = this.#refusal(httpErrorOf(error), isData(route));
    }
    for (const [name, value] of Object.entries(securityHeaders)) response.headers.set(name, value);
    if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store');
    if (request.method !== 'HEAD') return response;
    await response.body?.cancel();
    return new Response(null, response);
  }

  async #route(route: string, request: Request): Promise<Response> {
    checkHost(request, this.#options.hosts);
    checkSite(request);
    const { searchParams: query } = new URL(request.url);
    if (route === 'api/actions') return this.#act(request);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new HttpError(405, 'METHOD', 'only GET is possible here', { allow: 'GET, HEAD' });
    const asset = route.startsWith('assets/') ? assetResponse(route.slice('assets/'.length), request) : undefined;
    if (asset !== undefined) return asset;
    const token = query.get('token');
    if (token !== null && pages.test(route)) return this.#signIn(token, request);
    const visitor = await this.#visitors.visitorOf(request);
    if (visitor.access === 'none') throw this.#noAccess();
    if (pages.test(route)) return html(documentAt(this.#options.path, visitor.access));
    if (route === 'metrics')
      return new Response(await metrics(this.#callsheet), { headers: { 'content-type': openMetricsType } });
    if (route === 'events') return this.#stream(query);
    if (route === 'api/count') return json(await countFor(this.#callsheet, query));
    if (route.startsWith('api/')) return json(await this.#viewNamed(route.slice('api/'.length))(this.#context, query));
    throw new HttpError(404, 'NOT_FOUND', 'there is no such page');
  }

  #noAccess(): HttpError {
    const way = this.#options.authorize === undefined ? ': open it by a link that its program gives' : '';
    return new HttpError(401, 'NO_ACCESS', `you have no access to this page${way}`);
  }

  #viewNamed(name: string): View {
    const view = Object.hasOwn(views, name) ? views[name] : undefined;
    if (view === undefined)
      throw new HttpError(404, 'NOT_FOUND', `there is no view ${JSON.stringify(name.slice(0, 100))}`);
    return view;
  }

  /**
   * A browser does not send a strict cookie with a redirect that began on another site, so a
   * document leads on.
   */
  #signIn(token: string, request: Request): Response {
    const response = html(plainDocument('Signed in', 'The page opens.', this.#options.path));
    // A look at the link does not use it up.
    if (request.method === 'HEAD') return response;
    const { visitor, cookie } = this.#visitors.signIn(token, isSecure(request));
    this.#record(visitor, 'sign-in', visitor.access, undefined);
    response.headers.set('set-cookie', cookie);
    return response;
  }

  #stream(query: URLSearchParams): Response {
    const view = this.#viewNamed(query.get('view') ?? '');
    query.sort();
    const stream = this.#live.open(query.toString(), () => view(this.#context, query));
    return new Response(stream, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } });
  }

  async #act(request: Request): Promise<Response> {
    if (request.method !== 'POST') throw new HttpError(405, 'METHOD', 'actions are posted', { allow: 'POST' });
    const visitor = await this.#visitors.visitorOf(request);
    if (visitor.access === 'none') throw this.#noAccess();
    if (visitor.access !== 'write')
      throw new HttpError(403, 'READ_ONLY', 'this page is read-only for you: its program can allow actions');
    const fields = await fieldsOf(request);
    const name = String(fields.action);
    const make = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (make === undefined)
      throw new HttpError(404, 'NOT_FOUND', `there is no action ${JSON.stringify(name.slice(0, 100))}`);
    const action = make(this.#callsheet, fields);
    const run = async (options: RunOptions) => {
      try {
        const result = await action.run(options);
        this.#record(visitor, name, action.target, undefined);
        return result ?? {};
      } catch (error) {
        this.#record(visitor, name, action.target, error as Error);
        throw error;
      }
    };
    if (!action.isLong) return json(await run({ signal: request.signal, onProgress: () => {} }));
    return new Response(progressStream(run), { headers: { 'content-type': 'application/x-ndjson' } });
  }

  /** Records an action: on the page, in the log, and for the program. */
  #record({ author }: Visitor, action: string, target: string, error: Error | undefined): void {
    const at = new Date();
    const message = error?.message;
    this.#actions.unshift({ at: at.toISOString(), author, action, target, error: message });
    this.#actions.length = Math.min(this.#actions.length, mostActions);
    const level = action === 'sign-in' ? 'info' : 'warn';
    this.#callsheet.log(level, `page: ${action} by ${author}`, { author, action, target, error: message });
    this.#options.onAction?.({ at, author, action, target, error: message });
  }

  #refusal({ status, code, message, headers }: HttpError, asData: boolean): Response {
    if (asData) return json({ code, message }, status, headers);
    return html(plainDocument(titles[status] ?? 'It did not work', message), status, headers);
  }
}

const isData = (route: string) => route.startsWith('api/') || route === 'events' || route === 'metrics';

const titles: Readonly<Record<number, string>> = {
  401: 'No access',
  403: 'Refused',
  404: 'Not found',
  421: 'Another host',
  503: 'Not available',
};

type Headers = Readonly<Record<string, string>>;

function json(value: unknown, status = 200, headers: Headers = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { ...headers, 'content-type': 'application/json' } });
}

function html(text: string, status = 200, headers: Headers = {}): Response {
  return new Response(text, { status, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' } });
}

/** Reads a body of JSON. A form of another site cannot send this type. */
async function fieldsOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  if (!/^application\/json\b/.test(request.headers.get('content-type') ?? ''))
    throw new HttpError(415, 'BAD_BODY', 'the body must be application/json');
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.byteLength;
    if (length > mostBodyBytes) throw new HttpError(413, 'BAD_BODY', `the body has more than ${mostBodyBytes} bytes`);
    pieces.push(piece);
  }
  try {
    const fields = JSON.parse(Buffer.concat(pieces).toString()) as unknown;
    if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>;
  } catch {}
  throw new HttpError(400, 'BAD_BODY', 'the body must be an object of JSON');
}
