/** A browser without a window: it sends requests to a page, and keeps its cookie. */
import type { WebHandler } from '../../src/web/index.js';

export const origin = 'http://127.0.0.1:7070';

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect.
  readonly data: any;
}

export class Visitor {
  readonly #page: (request: Request) => Promise<Response>;
  cookie = '';

  constructor(page: (request: Request) => Promise<Response>) {
    this.#page = page;
  }

  /** Follows a one-time link. */
  static async of(page: WebHandler): Promise<Visitor> {
    const visitor = new Visitor(page);
    await visitor.get(page.link(origin));
    return visitor;
  }

  async open(address: string, { headers = {}, ...sent }: Sent = {}): Promise<Response> {
    const url = new URL(address, origin);
    const own = this.cookie === '' ? {} : { cookie: this.cookie };
    const response = await this.#page(new Request(url, { ...sent, headers: { host: url.host, ...own, ...headers } }));
    const set = response.headers.get('set-cookie');
    if (set !== null) this.cookie = set.split(';')[0]!;
    return response;
  }

  async get(address: string, sent: Sent = {}): Promise<Got> {
    const { status, headers, text } = await this.open(address, sent).then(async (response) => ({
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }));
    const isData = headers.get('content-type') === 'application/json';
    return { status, headers, text, data: isData ? JSON.parse(text) : undefined };
  }

  /** Posts an action as the page does. */
  async act(fields: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
    const own = { 'content-type': 'application/json', origin, 'sec-fetch-site': 'same-origin' };
    return this.get('/api/actions', { method: 'POST', headers: { ...own, ...headers }, body: JSON.stringify(fields) });
  }
}

/** The last line of the answer of a long action. */
export function lastLine(text: string): { readonly result?: unknown; readonly error?: { readonly code: string } } {
  return JSON.parse(text.trimEnd().split('\n').at(-1)!);
}
