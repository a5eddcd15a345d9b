/**
 * The rights of visitors: by the `authorize` of the user, or by one-time links. A link signs in
 * one browser, which keeps a cookie.
 */
import { createHash, randomBytes } from 'node:crypto';
import { HttpError } from './http-error.js';
import type { ResolvedOptions, Visitor } from './options.js';

/** The most links and sessions; the oldest are forgotten. */
const most = { links: 100, sessions: 1000 };
const linkMs = 24 * 3600 * 1000;
const sessionSeconds = 30 * 24 * 3600;

const nothing: Visitor = { access: 'none', author: '' };

export class Visitors {
  readonly #options: ResolvedOptions;
  /** Digests of the tokens of links, with the time of each; and of the cookies. */
  readonly #links = new Map<string, number>();
  readonly #sessions = new Map<string, Visitor>();
  /** Cookies do not distinguish the ports of a host, so each page has a name of its own. */
  readonly #cookie = `callsheet-${randomBytes(4).toString('hex')}`;

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  /** Makes the token of a link that signs in one browser, within a day. */
  makeToken(): string {
    if (this.#options.authorize !== undefined)
      throw new TypeError('`link` must not be called: `authorize` decides about visitors');
    const token = randomBytes(24).toString('base64url');
    this.#links.set(digestOf(token), Date.now());
    dropOldest(this.#links, most.links);
    return token;
  }

  async visitorOf(request: Request): Promise<Visitor> {
    const { authorize } = this.#options;
    if (authorize === undefined) return this.#sessions.get(digestOf(this.#sessionOf(request))) ?? nothing;
    const answer = await authorize(request);
    const visitor = typeof answer === 'string' ? { access: answer, author: 'authorized' } : answer;
    const { access } = visitor ?? nothing;
    if (access === 'none' || access === 'read' || access === 'write') return visitor;
    throw new HttpError(500, 'AUTHORIZE', "authorize must return 'none', 'read', 'write' or { access, author }");
  }

  /** Uses up a token. Returns the visitor, and the cookie for its browser. */
  signIn(token: string, isSecure: boolean): { readonly visitor: Visitor; readonly cookie: string } {
    const link = digestOf(token);
    const madeAt = this.#links.get(link);
    this.#links.delete(link);
    if (madeAt === undefined || Date.now() - madeAt > linkMs)
      throw new HttpError(403, 'LINK_USED', 'the link was used before, or is too old: ask for another one');
    const session = randomBytes(24).toString('base64url');
    const digest = digestOf(session);
    const { write, path } = this.#options;
    const visitor: Visitor = { access: write ? 'write' : 'read', author: `session ${digest.slice(0, 8)}` };
    this.#sessions.set(digest, visitor);
    dropOldest(this.#sessions, most.sessions);
    const attributes = `Path=${path}; Max-Age=${sessionSeconds}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
    return { visitor, cookie: `${this.#cookie}=${session}; ${attributes}` };
  }

  #sessionOf({ headers }: Request): string {
    for (const pair of (headers.get('cookie') ?? '').split(';')) {
      const [name, value = ''] = pair.trim().split('=', 2);
      if (name === this.#cookie) return value;
    }
    return '';
  }
}

/** Tokens are looked up by digest, so the time of a look-up says nothing about them. */
const digestOf = (token: string) => createHash('sha256').update(token).digest('hex');

function dropOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size > limit) map.delete(map.keys().next().value!);
}
