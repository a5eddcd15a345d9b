/** Connections that end anywhere: no command of a client is lost, and none has an effect twice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '../../src/codec/id.js';
import { Sharing } from '../../src/coordinator/sharing.js';
import type { Id } from '../../src/core/records.js';
import type { JobInfo } from '../../src/protocol/job-info.js';
import type { QueueInfo, WireJob } from '../../src/protocol/messages.js';
import { Link } from '../../src/runtime/link.js';
import { OwnerPort } from '../../src/runtime/owner-port.js';
import { dispatcher, Hub, jobOf } from '../coordinator/hub.js';
import { type Random, randomFrom, seedOf } from '../harness/randomness.js';
import { socketPair } from '../harness/socket-pair.js';

const histories = 12;
const steps = 60;
const patienceMs = 60_000;

/** A client of an owner in memory, whose connections end after a random number of bytes. */
class History {
  readonly hub = new Hub();
  readonly random: Random;
  connections = 0;
  readonly #turns: NodeJS.Timeout;
  link!: Link;
  port!: OwnerPort;

  constructor(random: Random) {
    this.random = random;
    this.#turns = setInterval(() => this.hub.turn(), 1);
  }

  async open(): Promise<void> {
    await this.hub.open();
    const sharing = new Sharing({
      coordinator: this.hub.coordinator,
      dispatcher,
      modules: {},
      after: (delayMs, callback) => {
        const timer = setTimeout(callback, delayMs).unref();
        return { clear: () => clearTimeout(timer) };
      },
      log: () => {},
    });
    const connect = async () => {
      const [theirs, mine] = socketPair();
      // Longer each time, so that all that was not answered fits at last.
      let left = 300 + this.random(2000 * ++this.connections);
      for (const stream of [theirs, mine]) {
        stream.on('data', ({ byteLength }: Buffer) => {
          left -= byteLength;
          if (left < 0) for (const end of [theirs, mine]) end.destroy();
        });
      }
      sharing.take(theirs);
      return mine;
    };
    this.port = new OwnerPort({ connect, why: async () => 'the test ends' }, newId(), patienceMs);
    this.link = new Link(this.port, () => {});
    await this.link.opened();
  }

  async end(): Promise<void> {
    clearInterval(this.#turns);
    this.link.end(new Error('the test ends'));
    await this.port.end();
  }
}

const withArguments = (id: Id, bytes: number): WireJob => [id, 'call', 'm#f', new Uint8Array(bytes), null, [], []];

describe('a client whose connection ends anywhere', () => {
  for (let index = 0; index < histories; index++) {
    it(`[16.3] does everything once, history ${index}`, async (t) => {
      const history = new History(randomFrom(seedOf(t)));
      t.after(() => history.end());
      await history.open();
      const { link, random } = history;
      const jobs: Id[] = [];
      const callbacks = new Map<Id, number>();
      const done: Promise<unknown>[] = [];
      const accepted = new Set<Id>();
      for (let step = 0; step < steps; step++) {
        const id = newId();
        switch (random(4)) {
          case 0:
          case 1:
            jobs.push(id);
            done.push(link.put('', 'full', withArguments(id, random(2) * random(2000)), () => accepted.add(id)));
            break;
          case 2: {
            const several = Array.from({ length: 1 + random(5) }, () => newId());
            jobs.push(...several);
            done.push(
              link.request(['do', 'full', { type: 'put', queue: '', jobs: several.map(jobOf) }]).then(() => {
                for (const one of several) accepted.add(one);
              }),
            );
            break;
          }
          default: {
            const job = jobs[random(jobs.length)];
            if (job === undefined) break;
            callbacks.set(job, (callbacks.get(job) ?? 0) + 1);
            done.push(link.request(['do', 'full', { type: 'addCallbacks', job, callbacks: [jobOf(id)] }]));
          }
        }
        if (random(8) === 0) await done[random(done.length)];
      }
      await Promise.all(done);
      const queue = (await link.request(['ask', { type: 'queue', queue: '' }])) as QueueInfo;
      assert.equal(queue.length, jobs.length);
      assert.deepEqual([...accepted].sort(), [...jobs].sort());
      for (const [job, count] of callbacks) {
        const info = (await link.request(['ask', { type: 'job', job }])) as JobInfo;
        assert.equal(info.callbacks, count);
      }
      const outcomes = jobs.slice(0, 10).map((job) => link.request(['outcome', job]));
      for (const job of jobs.slice(0, 10))
        history.hub.coordinator.receive([['do', 1, 'full', { type: 'cancel', job }]]);
      await Promise.all(outcomes);
      assert.ok(history.connections > 1, 'the connection has ended');
    });
  }
});
