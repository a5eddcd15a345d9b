/** Planted bugs against section 16 of the contract: several processes, one directory. */
import type { Mutant } from './mutant.js';

const lock = ['journal/lock'];

export const sharing: readonly Mutant[] = [
  {
    bug: 'a wait for the lock does not see the end of the owner',
    tags: ['16.1'],
    tests: lock,
    in: 'journal/lock.ts#ownerChange',
    find: "connection.once('connect', () => connection.once('close', end))",
    replace: "connection.once('connect', () => {})",
  },
  {
    bug: 'the wait for a living owner never ends',
    tags: ['16.1'],
    tests: lock,
    in: 'journal/lock.ts#acquireLock',
    find: 'if (leftMs <= 0) throw',
    replace: 'if (leftMs === undefined) throw',
  },
  {
    bug: 'any user may connect to the socket',
    tags: ['16.1'],
    tests: lock,
    in: 'journal/lock.ts#listenAt',
    find: 'fs.chmodSync(socketPath, 0o600);',
    replace: '',
  },
];
