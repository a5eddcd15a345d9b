/** A client without an owner: each call looks for an owner first, then it is rejected. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { newId } from '../../src/codec/id.js';
import { Sharing } from '../../src/coordinator/sharing.js';
import { ProtocolVersionError } from '../../src/errors.js';
import { refusal } from '../../src/protocol/hello.js';
import { Link } from '../../src/runtime/link.js';
import { OwnerPort } from '../../src/runtime/owner-port.js';
import { dispatcher, Hub } from '../coordinator/hub.js';
import { socketPair } from '../harness/socket-pair.js';

/** Long enough for an owner in memory to answer on a busy machine. */
const waitMs = 1_000;

/** An owner that comes and goes, and its client. */
class Pair {
  readonly hub = new Hub();
  readonly logged: string[] = [];
  /** `refuses`: it answers each client as an owner of another version does. */
  owner: 'there' | 'gone' | 'refuses';
  connections = 0;
  readonly link: Link;
  #end = () => {};

  constructor(t: TestContext, owner: Pair['owner'] = 'there') {
    this.owner = owner;
    const turns = setInterval(() => this.hub.turn(), 1);
    const after = () => ({ clear: () => {} });
    const { coordinator } = this.hub;
    const sharing = new Sharing({ coordinator, dispatcher, modules: {}, after, log: () => {} });
    const connect = async () => {
      if (this.owner === 'gone') return undefined;
      this.connections++;
      const [theirs, mine] = socketPair();
      this.#end = () => theirs.destroy();
      if (this.owner === 'there') sharing.take(theirs);
      else theirs.resume().write(`${JSON.stringify(refusal(new ProtocolVersionError('it is older')))}\n`);
      return mine;
    };
    const why = async () => (this.owner === 'gone' ? 'it is gone' : 'it is silent');
    const port = new OwnerPort({ connect, why }, newId(), waitMs);
    this.link = new Link(port, ([, , message]) => this.logged.push(message));
    t.after(async () => {
      clearInterval(turns);
      this.link.end(new Error('the test ends'));
      await port.end();
    });
  }

  async opened(): Promise<this> {
    await this.hub.open();
    await this.link.opened();
    return this;
  }

  ask(): Promise<unknown> {
    return this.link.request(['ask', { type: 'queue', queue: '' }]);
  }

  become(owner: Pair['owner']): void {
    this.owner = owner;
    this.#end();
  }
}

describe('a client without an owner', () => {
  it('[16.3] finds the next one with its first call', async (t) => {
    const pair = await new Pair(t).opened();
    pair.become('gone');
    const gone = { code: 'NO_OWNER', message: /it is gone/ };
    await assert.rejects(pair.ask(), gone);
    await assert.rejects(pair.ask(), gone, 'it has looked again');
    pair.owner = 'there';
    const [answer] = await Promise.all([pair.ask(), pair.ask()]);
    assert.equal((answer as { length: number }).length, 0);
  });

  it('[16.5] goes on after its connection was ended for a reason, without what had no answer', async (t) => {
    const pair = await new Pair(t).opened();
    const wait = pair.link.request(['outcome', newId()]);
    const bad = pair.link.request(['ask', { type: 'nonsense' } as never]);
    const reason = { code: 'COORDINATOR_DIED', message: /ended the connection: a message is not valid/ };
    await assert.rejects(Promise.all([bad, wait.catch(() => {})]), reason);
    await assert.rejects(wait, { code: 'JOB_FORGOTTEN' }, 'the wait was sent again');
    assert.equal(((await pair.ask()) as { length: number }).length, 0);
    assert.deepEqual([pair.connections, pair.logged.length], [2, 1]);
  });

  it('[16.5] says why an owner refuses it, until another takes it', async (t) => {
    const pair = await new Pair(t).opened();
    pair.become('refuses');
    const older = { code: 'PROTOCOL_VERSION', message: 'it is older' };
    await assert.rejects(pair.ask(), older);
    await assert.rejects(pair.ask(), older, 'it has looked again');
    pair.become('there');
    assert.equal(((await pair.ask()) as { length: number }).length, 0);
    await assert.rejects(new Pair(t, 'refuses').opened(), older);
  });
});
