/** Connections of other processes: honest ones, hostile ones, and some that read slowly. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { idToText, newId } from '../../src/codec/id.js';
import { Sharing } from '../../src/coordinator/sharing.js';
import type { Id } from '../../src/core/records.js';
import { clientHello } from '../../src/protocol/hello.js';
import { packClientMessages, unpackCoordinatorMessages } from '../../src/protocol/message-runs.js';
import type { ClientMessage, CoordinatorMessage, WireCommand, WireJob } from '../../src/protocol/messages.js';
import { packBatch } from '../../src/protocol/packing.js';
import { Wire } from '../../src/protocol/wire.js';
import { socketPair } from '../harness/socket-pair.js';
import { dispatcher, Hub, jobOf, put } from './hub.js';

const mostBytes = 2 ** 30;

/** An owner whose timers fire when the test says so. */
class Owner {
  readonly hub = new Hub();
  readonly log: string[] = [];
  readonly timers: { readonly delayMs: number; readonly fire: () => void }[] = [];
  #sharing!: Sharing;
  #last!: Duplex;

  async open(): Promise<this> {
    await this.hub.open();
    this.#sharing = new Sharing({
      coordinator: this.hub.coordinator,
      dispatcher,
      modules: { m: { functions: ['f'], others: [] } },
      after: (delayMs, callback) => {
        const timer = { delayMs, fire: callback };
        this.timers.push(timer);
        return { clear: () => void this.timers.splice(this.timers.indexOf(timer), 1) };
      },
      log: (_, message, detail) => this.log.push(`${message}: ${detail}`),
    });
    return this;
  }

  /** Returns the other end of a new connection. */
  connect(): Duplex {
    const [mine, theirs] = socketPair();
    this.#last = mine;
    this.#sharing.take(mine);
    return theirs;
  }

  /** Bytes that the last client has not taken. */
  lastBacklog(): number {
    return this.#last.writableLength;
  }

  /** Lets everything happen that needs no timer. */
  async settle(): Promise<void> {
    for (let left = 20; left > 0; left--) {
      await turn();
      this.hub.turn();
    }
  }
}

/** A client that keeps to the protocol. */
class Peer {
  readonly stream: Duplex;
  readonly wire: Wire;
  readonly heard: CoordinatorMessage[] = [];
  readonly hellos: unknown[] = [];
  isClosed = false;
  isFinal = false;
  reason: string | undefined;
  readonly #owner: Owner;

  constructor(owner: Owner, id = newId()) {
    this.#owner = owner;
    this.stream = owner.connect();
    this.wire = new Wire(
      this.stream,
      {
        hello: (line) => this.hellos.push(line),
        batch: (bytes) => this.heard.push(...unpackCoordinatorMessages(bytes)),
        drained: () => {},
        closed: (reason, isFinal) => {
          this.isClosed = true;
          this.isFinal = isFinal;
          this.reason = reason;
        },
      },
      mostBytes,
    );
    this.wire.hello(clientHello({ client: idToText(id), pid: 7 }));
  }

  async send(...messages: ClientMessage[]): Promise<CoordinatorMessage[]> {
    this.wire.send(packClientMessages(messages));
    await this.#owner.settle();
    return this.heard.splice(0);
  }
}

const types = (messages: readonly CoordinatorMessage[]) => messages.map(([type]) => type);

/** Asserts that the owner still serves others. */
async function goesOn(owner: Owner): Promise<void> {
  const peer = new Peer(owner);
  assert.deepEqual(types(await peer.send(put(1, newId()))), ['ready', 'done']);
  peer.wire.close();
  await owner.settle();
}

const hello = (id = newId()) => `${JSON.stringify(clientHello({ client: idToText(id), pid: 7 }))}\n`;

function frame(type: number, ...body: readonly (Uint8Array | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(5);
  head.writeUInt32LE(bytes.byteLength + 1);
  head.writeUInt8(type, 4);
  return Buffer.concat([head, bytes]);
}

const batchOf = (...messages: unknown[]) => frame(0, packBatch(messages));

describe('a client in another process', () => {
  it('[16.2] learns what the owner has, and gets answers and outcomes', async () => {
    const owner = await new Owner().open();
    const peer = new Peer(owner);
    const job = newId();
    const [ready, done] = await peer.send(put(1, job));
    assert.deepEqual(ready, [
      'ready',
      { jobs: 0, unfinished: 0, dispatcher: idToText(dispatcher) },
      { m: { functions: ['f'], others: [] } },
    ]);
    assert.deepEqual(done, ['done', 1, 1]);
    assert.deepEqual(
      types(await peer.send(['do', 2, 'full', { type: 'cancel', job }], ['ask', 3, { type: 'job', job }])),
      ['done', 'deliver', 'answer'],
    );
    const other = await new Peer(owner).send(['ask', 1, { type: 'queues' }]);
    assert.deepEqual(other[0]![1], { jobs: 1, unfinished: 0, dispatcher: idToText(dispatcher) });
  });

  it('[16.3] puts nothing twice when it sends a put again', async () => {
    const owner = await new Owner().open();
    const id = newId();
    const first = new Peer(owner, id);
    const [job, second] = [newId(), newId()];
    await first.send(put(1, job));
    first.stream.destroy();
    await owner.settle();
    const again = new Peer(owner, id);
    const heard = await again.send(
      ['puts', 1, '', 'full', [jobOf(job)], true],
      ['do', 2, 'full', { type: 'put', queue: '', jobs: [jobOf(job), jobOf(second)], again: true }],
      put(3, job),
      ['ask', 4, { type: 'queue', queue: '' }],
    );
    assert.deepEqual(types(heard), ['ready', 'done', 'done', 'error', 'answer']);
    assert.equal((heard[4]![2] as { length: number }).length, 2);
  });

  it('[16.3] gets the outcome of a put that it sends again after the job has ended, once and at last', async () => {
    const owner = await new Owner().open();
    const id = newId();
    const first = new Peer(owner, id);
    const [ended, ending] = [newId(), newId()];
    await first.send(put(1, ended), put(2, ending));
    first.stream.destroy();
    await owner.settle();
    const cancel = (job: Id): ClientMessage => ['do', 9, 'full', { type: 'cancel', job }];
    owner.hub.join().send(cancel(ended));
    const again = new Peer(owner, id);
    const heard = await again.send(
      ['puts', 1, '', 'full', [jobOf(ended)], true],
      ['puts', 2, '', 'full', [jobOf(ending)], true],
      cancel(ending),
    );
    const about = (request: number) =>
      types(heard.filter(([type, of]) => (type === 'deliver' ? of.includes(request) : of === request)));
    assert.deepEqual(
      [about(1), about(2)],
      [
        ['done', 'deliver'],
        ['done', 'deliver'],
      ],
    );
  });

  it('[16.3] adds no callback, part, item or end of a map twice', async () => {
    const owner = await new Owner().open();
    const peer = new Peer(owner);
    const [job, whole, map, chunk] = [newId(), newId(), newId(), newId()];
    const [callback, part, item] = [jobOf(newId()), jobOf(newId()), jobOf(newId())];
    const parallel: WireJob = [whole, 'parallel', '', null, null, [jobOf(newId())], []];
    const mapped: WireJob = [map, 'map', '', null, null, [], []];
    await peer.send(['do', 1, 'full', { type: 'put', queue: '', jobs: [jobOf(job), parallel, mapped] }]);
    const commands = [
      { type: 'addCallbacks', job, callbacks: [callback] },
      { type: 'addParts', job: whole, parts: [part] },
      { type: 'feed', job: map, from: 0, chunk, parts: [item] },
      { type: 'endInput', job: map, failure: null },
    ];
    for (const again of [false, true, true]) {
      const heard = await peer.send(
        ...commands.map(
          (command, index): ClientMessage => ['do', 10 + index, 'full', { ...command, again } as WireCommand],
        ),
      );
      assert.deepEqual(types(heard), ['done', 'done', 'done', 'done']);
    }
    const [info] = await peer.send(['ask', 20, { type: 'job', job }]);
    const [wholeInfo] = await peer.send(['ask', 21, { type: 'job', job: whole }]);
    const [fed] = await peer.send(['fed', 22, map, 10]);
    assert.equal((info![2] as { callbacks: number }).callbacks, 1);
    assert.equal((wholeInfo![2] as { parts: number }).parts, 2);
    assert.deepEqual(fed![2], [1, 0, false]);
  });

  it('[16.5] is closed with the reason if it breaks the protocol, and the owner goes on', async () => {
    const owner = await new Owner().open();
    const bytes: readonly [Buffer, RegExp][] = [
      [Buffer.from('GET / HTTP/1.1\r\n'), /begin with \{/],
      [Buffer.from('{"callsheet":\n'), /not JSON/],
      [Buffer.from('{}\n'), /not that of a client/],
      [Buffer.from('{"callsheet":"client","protocols":[3],"client":"me","pid":1}\n'), /not a UUID/],
      [Buffer.from(`{${' '.repeat(70_000)}`), /too long/],
      [Buffer.concat([Buffer.from(hello()), Buffer.alloc(5)]), /wrong length/],
      [Buffer.concat([Buffer.from(hello()), Buffer.from([255, 255, 255, 255, 0])]), /wrong length/],
      [Buffer.concat([Buffer.from(hello()), frame(9)]), /unknown type 9/],
      [Buffer.concat([Buffer.from(hello()), frame(2, [1, 2, 3])]), /belongs to no batch/],
      [Buffer.concat([Buffer.from(hello()), frame(1, [255, 255, 255, 127], [1])]), /longer than/],
      [Buffer.concat([Buffer.from(hello()), frame(1, [5, 0, 0, 0], [1, 2, 3, 4, 5, 6])]), /no batch/],
      [Buffer.concat([Buffer.from(hello()), frame(1, [9, 0, 0, 0], [1]), batchOf()]), /not complete/],
      [Buffer.concat([Buffer.from(hello()), frame(0, [193])]), /not valid/],
      [Buffer.concat([Buffer.from(hello()), batchOf(null)]), /not valid/],
      [Buffer.concat([Buffer.from(hello()), batchOf(['steal', 1])]), /unknown type/],
      [Buffer.concat([Buffer.from(hello()), batchOf(['puts', 1, '', 'full', [['no id']]])]), /must be a job/],
      [Buffer.concat([Buffer.from(hello()), batchOf(['plainPuts', 1, '', 'full', ['m#f'], [1, 2]])]), /not valid/],
      [Buffer.concat([Buffer.from(hello()), batchOf(['ask', 1, { type: 'completed', reader: 'job' }])]), /not valid/],
    ];
    for (const [sent, reason] of bytes) {
      const stream = owner.connect();
      stream.on('error', () => {}).resume();
      const closed = once(stream, 'close');
      stream.write(sent);
      await owner.settle();
      await closed;
      assert.match(owner.log.splice(0).join(), reason);
      await goesOn(owner);
    }
  });

  it('[16.5] may end anywhere in a message', async () => {
    const owner = await new Owner().open();
    const whole = Buffer.concat([Buffer.from(hello()), batchOf(['puts', 1, '', 'full', [jobOf(newId())]])]);
    for (let end = 0; end < whole.byteLength; end += 7) {
      const stream = owner.connect();
      stream.on('error', () => {}).resume();
      stream.write(whole.subarray(0, end));
      stream.destroy();
      await turn();
    }
    await goesOn(owner);
    assert.deepEqual(owner.log, []);
    assert.deepEqual(owner.timers, []);
  });

  it('[16.5] is closed if it is silent at first, or takes nothing for long', async () => {
    const owner = await new Owner().open();
    const silent = owner.connect().resume();
    const closed = once(silent, 'close');
    owner.timers[0]!.fire();
    await closed;
    assert.deepEqual(owner.log, [], 'a process that waits for the lock is no cause for a warning');
    const half = owner.connect().resume();
    half.write('{');
    await owner.settle();
    const halfClosed = once(half, 'close');
    owner.timers[0]!.fire();
    await halfClosed;
    assert.match(owner.log.splice(0).join(), /said nothing for 5000 ms/);
    const peer = new Peer(owner);
    await owner.settle();
    const jobs = Array.from({ length: 4 }, () => newId());
    await peer.send(put(1, ...jobs));
    peer.stream.pause();
    await failAll(owner, jobs, 1_000_000);
    for (let look = 0; look < 5; look++) owner.timers.at(-1)?.fire();
    await owner.settle();
    assert.match(owner.log.join(), /took nothing for 30 s/);
    peer.stream.resume();
    await owner.settle();
    assert.ok(peer.isClosed);
    await goesOn(owner);
  });

  it('[16.5] does not fill the memory of the owner if it reads slowly, and gets all outcomes', async () => {
    const owner = await new Owner().open();
    const peer = new Peer(owner);
    await owner.settle();
    const jobs = Array.from({ length: 200 }, () => newId());
    await peer.send(put(1, ...jobs));
    peer.stream.pause();
    await failAll(owner, jobs, 200_000);
    const mine = owner.lastBacklog();
    assert.ok(mine > 1_000_000 && mine < 5_000_000, `${mine} bytes lie`);
    peer.stream.resume();
    for (let left = 40; left > 0 && peer.heard.length < jobs.length; left--) await owner.settle();
    const delivered = peer.heard.flatMap((message) => (message[0] === 'deliver' ? message[1] : []));
    assert.deepEqual(
      delivered.sort((a, b) => a - b),
      jobs.map((_, index) => index + 1),
    );
  });

  it('[16.5] is answered in turn if it asks more than the owner wants to hold', async () => {
    const owner = await new Owner().open();
    const peer = new Peer(owner);
    const job = newId();
    await peer.send(['puts', 1, '', 'full', [[job, 'call', 'm#f', Buffer.alloc(1_000_000), null, [], []]]]);
    peer.stream.pause();
    peer.wire.send(
      packClientMessages(
        Array.from({ length: 100 }, (_, index): ClientMessage => ['ask', index + 2, { type: 'arguments', job }]),
      ),
    );
    await owner.settle();
    const lies = owner.lastBacklog();
    assert.ok(lies < 80_000_000, `${lies} bytes lie`);
    peer.stream.resume();
    for (let left = 200; left > 0 && peer.heard.length < 100; left--) await owner.settle();
    assert.deepEqual(
      peer.heard.map(([, request]) => request),
      Array.from({ length: 100 }, (_, index) => index + 2),
    );
  });

  it('[16.5] of another version is refused with an error that names both', async () => {
    const owner = await new Owner().open();
    const stream = owner.connect();
    const [line] = await Promise.all([
      once(stream, 'data'),
      stream.write('{"callsheet":"client","protocols":[1],"client":"x","pid":9}\n'),
    ]);
    assert.match(String(line[0]), /PROTOCOL_VERSION.*protocol 3.*process 9\) protocol 1/);
    await goesOn(owner);
  });

  it('[16.3] takes the place of its former connection', async () => {
    const owner = await new Owner().open();
    const id = newId();
    const before = new Peer(owner, id);
    await owner.settle();
    const now = new Peer(owner, id);
    await owner.settle();
    assert.deepEqual([before.isClosed, before.reason, before.isFinal], [true, 'it has connected again', false]);
    assert.deepEqual(types(await now.send(put(1, newId()))), ['ready', 'done']);
  });
});

/** Fails jobs with a failure of this size. */
async function failAll(owner: Owner, jobs: readonly string[], bytes: number): Promise<void> {
  const other = owner.hub.join();
  for (const [index, job] of jobs.entries()) {
    other.send(['do', index + 1, 'full', { type: 'fail', job, failure: new Uint8Array(bytes) } as never]);
    await turn();
  }
  await owner.settle();
}
