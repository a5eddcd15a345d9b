/**
 * A client in its own process that sends requests at a constant rate, without waiting for answers.
 *
 * The time of an answer counts from the moment when its request was due: a server that blocks
 * delays all requests of that time.
 */
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { programArguments, reportResult } from '../harness/program.js';
import { percentile } from '../harness/statistics.js';

export interface HttpLoad {
  readonly port: number;
  readonly perSecond: number;
  readonly ms: number;
}

export interface HttpFigures {
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const warmUpRequests = 50;
const { port, perSecond, ms } = programArguments<HttpLoad>();
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

for (let request = 0; request < warmUpRequests; request++) await ask();
const start = performance.now();
const took: Promise<number>[] = [];
for (let due = start; due < start + ms; due += 1000 / perSecond) {
  const early = due - performance.now();
  if (early > 0) await sleep(early);
  took.push(askAt(due));
}
const all = await Promise.all(took);
agent.destroy();
const figures: HttpFigures = {
  answers: all.length,
  p50Ms: percentile(all, 50),
  p99Ms: percentile(all, 99),
  maxMs: Math.max(...all),
};
reportResult(figures);

async function askAt(due: number): Promise<number> {
  await ask();
  return performance.now() - due;
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`the server answered ${response.statusCode}`));
      response.resume().on('end', resolve);
    });
    request.on('error', reject);
  });
}
