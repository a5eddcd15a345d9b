/**
 * Checks of a request before anything looks at it, and the headers of every response.
 *
 * A foreign page can make a browser send requests here. It must not act (cross-site posts), nor
 * become the same origin by pointing a name of its own at this address (DNS rebinding).
 */
import { isIP } from 'node:net';
import { HttpError } from './http-error.js';

const loopbackNames = ['localhost', 'localhost.localdomain', 'ip6-localhost'];

export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Returns the host of a request with its port, as the browser named it. */
function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

/** Refuses a request for a host that is neither allowed, nor a loopback name, nor an address. */
export function checkHost(request: Request, allowed: readonly string[]): void {
  const host = hostOf(request);
  const name = nameOf(host);
  const isAddress = name !== undefined && isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  if (isAddress || (name !== undefined && (loopbackNames.includes(name) || allowed.includes(name)))) return;
  const shown = JSON.stringify(host.slice(0, 100));
  throw new HttpError(421, 'HOST_REFUSED', `the page is not served as ${shown}: add the name to the option hosts`);
}

function nameOf(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname.toLowerCase();
  } catch {
    return undefined;
  }
}

/** Refuses a request that another site made, other than a link to a page. */
export function checkSite(request: Request): void {
  const { method, headers } = request;
  const site = headers.get('sec-fetch-site');
  if (method === 'GET' || method === 'HEAD') {
    const isLink = headers.get('sec-fetch-mode') === 'navigate';
    if (site === null || site === 'same-origin' || site === 'none' || isLink) return;
    throw new HttpError(403, 'CROSS_SITE', 'another site made the request');
  }
  if (site !== null && site !== 'same-origin')
    throw new HttpError(403, 'CROSS_SITE', 'another site made the request: actions need the page itself');
  const origin = headers.get('origin');
  if (origin === null && site === null)
    throw new HttpError(403, 'CROSS_SITE', 'an action needs a header Origin or Sec-Fetch-Site');
  if (origin !== null && !isOwnOrigin(origin, request))
    throw new HttpError(403, 'CROSS_SITE', `an action of the origin ${JSON.stringify(origin)} is refused`);
}

/** `true` if the browser reached this request over TLS, as far as that is known here. */
export const isSecure = (request: Request): boolean =>
  new URL(request.url).protocol === 'https:' || request.headers.get('x-forwarded-proto') === 'https';

/**
 * A proxy that ends TLS may not say so: a page of https can act over plain http. The other way
 * round, anyone between could have made the page.
 */
function isOwnOrigin(origin: string, request: Request): boolean {
  try {
    const { protocol, host } = new URL(origin);
    return host === hostOf(request).toLowerCase() && (protocol === 'https:' || !isSecure(request));
  } catch {
    return false;
  }
}
