/**
 * `callsheet web`: the page of the process that has the directory open, or of a database, until a
 * signal ends it.
 */
import { once } from 'node:events';
import { publicWarning, serve } from '../web/serve.js';
import { exitCodes } from './exit.js';
import type { PlaceOptions } from './place.js';
import { type Session, withSession } from './session.js';
import type { Address } from './values.js';

export interface WebOptions extends Address, PlaceOptions {
  readonly write?: boolean;
  readonly showValues?: boolean;
}

export async function web(options: WebOptions): Promise<number> {
  const { host, port, write = false, showValues = false, ...place } = options;
  const ended = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const use = async ({ callsheet }: Session) => {
    const onLink = (link: string) => process.stdout.write(`one-time link: ${link}\n`);
    const served = await serve(callsheet, { host, port, write, show: showValues, onLink });
    if (served.isPublic) process.stderr.write(`callsheet: ${publicWarning}\n`);
    await ended;
    served.close();
    return exitCodes.done;
  };
  return withSession(place, use, { waits: true });
}
