/** A server of the page alone, for the command line. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Runtime } from '../runtime/runtime.js';
import { node } from './node.js';
import type { WebOptions } from './options.js';
import { web } from './web.js';

export interface ServeOptions extends Pick<WebOptions, 'write' | 'show'> {
  /** A name or address of this machine; `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Gets a one-time link, and another one when it was used. */
  readonly onLink: (link: string) => void;
}

export interface Served {
  /** The beginning of its addresses. */
  readonly origin: string;
  /** `true` if other machines can reach it. It is not encrypted. */
  readonly isPublic: boolean;
  close(): void;
}

export const publicWarning = 'other machines can reach the page, and nothing is encrypted: prefer a proxy with TLS';

const everywhere = ['0.0.0.0', '::'];

/**
 * Serves the page until it is closed.
 *
 * @throws the error of the system, if the address is in use, or does not belong to this machine.
 */
export async function serve(callsheet: Runtime, options: ServeOptions): Promise<Served> {
  const { host, port, onLink, ...others } = options;
  const name = everywhere.includes(host) ? hostname() : host;
  const isName = isIP(name) === 0;
  const page = web(callsheet, {
    ...others,
    ...(isName ? { hosts: [name] } : {}),
    onAction: ({ action }) => {
      if (action === 'sign-in') onLink(page.link(origin));
    },
  });
  const server = createServer(node(page));
  server.listen(port, host);
  await once(server, 'listening');
  const { address, port: actual } = server.address() as AddressInfo;
  const origin = `http://${isIP(name) === 6 ? `[${name}]` : name}:${actual}`;
  onLink(page.link(origin));
  return {
    origin,
    isPublic: !(address === '::1' || address.startsWith('127.')),
    close: () => {
      page.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
