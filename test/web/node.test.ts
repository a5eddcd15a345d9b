/** The page on servers: Node's own, one that parses bodies, and Hono. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Kit, openVirtual } from 'callsheet/testing';
import { Hono } from 'hono';
import { node, type WebHandler, web } from '../../src/web/index.js';
import { allJobs, work } from '../contract/jobs/all.js';
import { hourMs } from '../contract/opened.js';
import { eventually } from '../harness/eventually.js';

describe('the page on a server', () => {
  let kit: Kit;
  let page: WebHandler;
  let server: Server;
  let port = 0;
  let cookie = '';
  /** `true` for a framework that reads bodies before the page. */
  let parses = false;
  before(async () => {
    kit = await openVirtual({ jobs: allJobs });
    page = web(kit.runtime, { path: '/jobs', write: true });
    const listener = node(page);
    server = createServer(async (incoming, outgoing) => {
      // As Express does for a mounted handler.
      incoming.url = incoming.url!.replace(/^\/jobs(?=\/|$)/, '') || '/';
      if (!parses) return listener(incoming, outgoing);
      const pieces: Buffer[] = [];
      for await (const piece of incoming) pieces.push(piece as Buffer);
      return listener(Object.assign(incoming, { body: JSON.parse(Buffer.concat(pieces).toString()) }), outgoing);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    const response = await fetch(page.link(`http://127.0.0.1:${port}`));
    cookie = response.headers.get('set-cookie')!.split(';')[0]!;
  });
  after(async () => {
    page.close();
    server.closeAllConnections();
    server.close();
    await kit.close();
  });

  const address = (path: string) => `http://127.0.0.1:${port}/jobs/${path}`;
  const act = (fields: object) =>
    fetch(address('api/actions'), {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` },
      body: JSON.stringify(fields),
    });

  it('serves the document, its files and data', async () => {
    for (const path of ['', 'assets/page.js', 'api/overview', 'jobs?status=pending']) {
      const response = await fetch(address(path), { headers: { cookie } });
      assert.equal(response.status, 200, path);
      await response.arrayBuffer();
    }
    const refused = await fetch(address('api/overview'));
    assert.equal(refused.status, 401);
  });

  it('acts, also if the framework has read the body', async () => {
    for (const isParsed of [false, true]) {
      parses = isParsed;
      const job = await kit.runtime.queue().put(work.add(1, 1), { beginAfter: hourMs });
      assert.equal((await act({ action: 'cancel', job: job.id })).status, 200);
      assert.equal((await job.failure())?.name, 'JobCancelledError');
    }
    parses = false;
  });

  it('ends a stream when its tab goes', async () => {
    const tab = request(address('events?view=jobs'), { headers: { cookie } });
    tab.end();
    const [response] = (await once(tab, 'response')) as [IncomingMessage];
    const [first] = (await once(response, 'data')) as [Buffer];
    assert.match(first.toString(), /^data: /);
    tab.on('error', () => {});
    tab.destroy();
    await once(tab, 'close');
    const other = new AbortController();
    await fetch(address('events?view=queues'), { headers: { cookie }, signal: other.signal });
    other.abort();
    await eventually('no stream is left', async () => {
      const connections = await new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
      return connections <= 2;
    });
  });

  it('waits for a slow reader without another listener for each piece', async (t) => {
    let left = 60;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (left-- > 0) controller.enqueue(new Uint8Array(512 * 1024));
      else controller.close();
    };
    let most = 0;
    const listener = node(async () => new Response(new ReadableStream({ pull })));
    const slow = createServer((incoming, outgoing) => {
      outgoing.on('drain', () => {
        most = Math.max(most, outgoing.listenerCount('close'), outgoing.listenerCount('drain'));
      });
      return listener(incoming, outgoing);
    });
    t.after(() => {
      slow.closeAllConnections();
      slow.close();
    });
    slow.listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const response = await fetch(`http://127.0.0.1:${(slow.address() as AddressInfo).port}/`);
    assert.equal((await response.arrayBuffer()).byteLength, 60 * 512 * 1024);
    assert.ok(most > 0 && most < 8, `${most} listeners`);
  });

  it('answers raw nonsense', async () => {
    for (const [head, status] of [
      ['GET / HTTP/1.1\r\nHost: a b\r\n', 400],
      ['GET //evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n', 401],
      ['GET / HTTP/1.1\r\nHost: evil.example\r\n', 421],
      ['TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n', 400],
    ] as const) {
      const socket = connect(port, '127.0.0.1');
      socket.write(`${head}Connection: close\r\n\r\n`);
      const pieces: Buffer[] = [];
      for await (const piece of socket) pieces.push(piece as Buffer);
      assert.match(Buffer.concat(pieces).toString(), new RegExp(`^HTTP/1.1 ${status} `), head);
    }
  });

  it('mounts into a framework with requests as in fetch', async () => {
    const app = new Hono();
    const own = web(kit.runtime, { path: '/admin', authorize: () => 'read' });
    app.all('/admin/*', (context) => own(context.req.raw));
    assert.equal((await app.request('http://localhost/admin/api/overview')).status, 200);
    assert.match(await (await app.request('http://localhost/admin/jobs')).text(), /<base href="\/admin\/">/);
    const mounted = new Hono();
    mounted.mount('/admin', own);
    assert.equal((await mounted.request('http://localhost/admin/api/jobs')).status, 200);
    own.close();
  });
});
