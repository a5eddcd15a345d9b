/** A client without an owner: each call looks for an owner first, then it is rejected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '../../src/codec/id.js';
import { Sharing } from '../../src/coordinator/sharing.js';
import { Link } from '../../src/runtime/link.js';
import { OwnerPort } from '../../src/runtime/owner-port.js';
import { dispatcher, Hub } from '../coordinator/hub.js';
import { socketPair } from '../harness/socket-pair.js';

/** Long enough for an owner in memory to answer on a busy machine. */
const waitMs = 1_000;

describe('a client without an owner', () => {
  it('[16.3] finds the next one with its first call', async (t) => {
    const hub = new Hub();
    const turns = setInterval(() => hub.turn(), 1);
    await hub.open();
    const modules = {};
    const after = () => ({ clear: () => {} });
    const sharing = new Sharing({ coordinator: hub.coordinator, dispatcher, modules, after, log: () => {} });
    let isThere = true;
    let end = () => {};
    const connect = async () => {
      if (!isThere) return undefined;
      const [theirs, mine] = socketPair();
      end = () => theirs.destroy();
      sharing.take(theirs);
      return mine;
    };
    const why = async () => (isThere ? 'it is silent' : 'it is gone');
    const port = new OwnerPort({ connect, why }, newId(), waitMs);
    const link = new Link(port, () => {});
    t.after(async () => {
      clearInterval(turns);
      link.end(new Error('the test ends'));
      await port.end();
    });
    await link.opened();
    isThere = false;
    end();
    const ask = () => link.request(['ask', { type: 'queue', queue: '' }]);
    const gone = { code: 'NO_OWNER', message: /it is gone/ };
    await assert.rejects(ask(), gone);
    await assert.rejects(ask(), gone, 'it has looked again');
    isThere = true;
    const [answer] = await Promise.all([ask(), ask()]);
    assert.equal((answer as { length: number }).length, 0);
  });
});
