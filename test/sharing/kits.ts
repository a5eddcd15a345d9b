/** Kits whose runtime is a client, joined to the dispatcher as if it were in another process. */

import type { VirtualOptions } from 'callsheet/testing';
import { setLongTimeout } from '../../src/coordinator/long-timeout.js';
import { Sharing } from '../../src/coordinator/sharing.js';
import { NoOwnerError } from '../../src/errors.js';
import { openThrough } from '../../src/runtime/open-client.js';
import { Kit } from '../../src/testing/kit.js';
import type { Beside, World } from '../../src/testing/virtual-dispatcher.js';
import { socketPair } from '../harness/socket-pair.js';

const beside: NonNullable<World['beside']> = async (context, setup, makeClient): Promise<Beside> => {
  let activity = 0;
  let isAlive = true;
  let end = () => {};
  const sharing = new Sharing({
    ...context,
    after: (delayMs, callback) => setLongTimeout(callback, delayMs),
    log: () => {},
  });
  const search = {
    connect: async () => {
      if (!isAlive) throw new NoOwnerError('the dispatcher of the kit has died');
      const [theirs, mine] = socketPair();
      for (const stream of [theirs, mine]) stream.on('data', () => activity++);
      end = () => theirs.destroy();
      sharing.take(theirs);
      return mine;
    },
    why: async () => 'the dispatcher of the kit has died',
  };
  const opened = await openThrough(search, { ...setup, waitMs: 0 }, () => {}, makeClient);
  return {
    ...opened,
    get activity() {
      return activity;
    },
    died: () => {
      isAlive = false;
      end();
      // No other owner comes: a client would look for one for ever.
      opened.client.link.fail(new NoOwnerError('the dispatcher of the kit has died'));
      void opened.end();
    },
  };
};

export async function openThroughSocket(options: VirtualOptions): Promise<Kit> {
  const kit = new Kit(options, { beside });
  await kit.reopen();
  return kit;
}
