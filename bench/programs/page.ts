/**
 * A process with many pending jobs and a page, whose tabs follow the overview while jobs are put at
 * a fixed rate.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { open, parallel } from 'callsheet';
import { node, web } from '../../src/web/index.js';
import { stamps } from '../contestants/callsheet.js';
import { programArguments, reportResult } from '../harness/program.js';
import { percentile } from '../harness/statistics.js';
import { cpuOfThread, watchForThread } from '../harness/thread-cpu.js';

export interface PageWork {
  readonly threads: number;
  readonly jobs: number;
  /** Of the whole whose strip is drawn. */
  readonly parts: number;
  /** Milliseconds of each measurement; the bytes are those of a minute. */
  readonly ms: number;
  readonly rate: number;
  /** How often the browser opens the page. */
  readonly paints: number;
  readonly browserPath: string;
}

export type PageFigures = Readonly<Record<string, number>>;

const putAtOnce = 1000;
const batchMs = 20;
const samples = 5;

const { threads, jobs, parts, ms, rate, paints, browserPath } = programArguments<PageWork>();
const started = await watchForThread();
let thread: string | undefined;
// The main thread starts only the coordinator, which starts the others.
process.once('worker', () => {
  thread = started();
});
const callsheet = await open({ durability: 'memory', threads, jobs: [stamps], retention: { count: 10_000 } });
const paused = await callsheet.createQueue('paused');
await paused.pause();
for (let from = 0; from < jobs; from += putAtOnce)
  await paused.putAll(Array.from({ length: Math.min(putAtOnce, jobs - from) }, (_, at) => stamps.stamp(from + at)));
const some = (await paused.at(0))!.id;
await callsheet.job(some).annotations.set('mark', 7);

const page = web(callsheet, { authorize: () => 'read' });
const get = async (path: string): Promise<Response> => page(new Request(`http://localhost/${path}`));
const bytesOf = async (path: string) => (await (await get(path)).arrayBuffer()).byteLength;
const figures: Record<string, number> = {};

figures.files = (await bytesOf('')) + (await bytesOf('assets/page.js')) + (await bytesOf('assets/page.css'));
for (const view of ['overview', 'jobs', 'queues', 'threads', 'failures', 'schedules', 'health'])
  figures[view] = await bytesOf(`api/${view}`);
figures.job = await bytesOf(`api/job?id=${some}`);

figures['one of all'] = await timeOf('api/jobs?annotation=mark&limit=1&order=oldest');
figures['none of all'] = await timeOf('api/jobs?error=NoError');
figures['by callable'] = await timeOf('api/jobs?callable=stamps%23*&status=pending');
const whole = await paused.put(parallel(Array.from({ length: parts }, (_, at) => stamps.stamp(at))));
const start = performance.now();
await bytesOf(`api/job?id=${whole.id}`);
figures.strip = performance.now() - start;

for (const tabs of [0, 1, 20]) {
  const streams = await Promise.all(Array.from({ length: tabs }, () => follow()));
  const cpuBefore = thread === undefined ? Number.NaN : cpuOfThread(thread);
  const start = performance.now();
  const done = await runJobs();
  const tookMs = performance.now() - start;
  const cpuMs = (thread === undefined ? Number.NaN : cpuOfThread(thread) - cpuBefore) / 1000;
  figures[`coordinator, ${tabs}`] = cpuMs / (tookMs / 1000);
  figures[`jobs, ${tabs}`] = (done / tookMs) * 1000;
  if (tabs === 1) figures['a minute'] = (streams[0]!.bytes / tookMs) * 60_000;
  await Promise.all(streams.map(({ leave }) => leave()));
}
figures['first paint'] = await firstPaint();
page.close();
await callsheet.close();
reportResult(figures);

async function timeOf(path: string): Promise<number> {
  const took: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const start = performance.now();
    await bytesOf(path);
    took.push(performance.now() - start);
  }
  return percentile(took, 0.5);
}

/** A tab that reads the overview as it comes. */
async function follow(): Promise<{ readonly bytes: number; leave(): Promise<void> }> {
  const reader = (await get('events?view=overview')).body!.getReader();
  const tab = { bytes: 0, leave: () => reader.cancel() };
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      tab.bytes += value.byteLength;
    }
  })();
  return tab;
}

/** Puts trivial jobs at the rate, or as fast as they are done. Returns how many were done. */
async function runJobs(): Promise<number> {
  const queue = callsheet.queue();
  const start = performance.now();
  let put = 0;
  for (let now = start; now < start + ms; now = performance.now()) {
    const due = Math.floor(((now - start) / 1000) * rate) - put;
    if (due > 0) {
      const batch = Math.min(due, putAtOnce);
      put += batch;
      const handles = await queue.putAll(Array.from({ length: batch }, (_, at) => stamps.stamp(at)));
      await handles.at(-1)!.result();
    }
    await new Promise((resolve) => setTimeout(resolve, batchMs));
  }
  return put;
}

/** The time until the overview shows data in a browser. */
async function firstPaint(): Promise<number> {
  const { chromium } = await import('playwright-core');
  const server = createServer(node(page)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath: browserPath, args });
  try {
    const took: number[] = [];
    for (let paint = 0; paint < paints; paint++) {
      const tab = await browser.newPage();
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      // The figures at the top are there only with data.
      await tab.locator('.figures').waitFor();
      took.push(await tab.evaluate<number>('performance.now()'));
      await tab.close();
    }
    return percentile(took, 0.5);
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}
