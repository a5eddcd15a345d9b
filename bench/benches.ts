/**
 * All benches, in the order in which they run.
 */

import { backlog } from './backlog.js';
import { blocked } from './blocked.js';
import { cancel } from './cancel.js';
import { cold } from './cold.js';
import { cost } from './cost.js';
import { cpuJobs } from './cpu-jobs.js';
import { drain } from './drain.js';
import type { Bench } from './harness/bench.js';
import { http } from './http.js';
import { idle } from './idle.js';
import { idleQueues } from './idle-queues.js';
import { latency } from './latency.js';
import { life } from './life.js';
import { maps } from './map.js';
import { monitor } from './monitor.js';
import { monteCarlo } from './monte-carlo.js';
import { page } from './page.js';
import { parallelParts } from './parallel.js';
import { manyPending, pending } from './pending.js';
import { postgres } from './postgres.js';
import { putAll } from './put-all.js';
import { durableQueues } from './queues.js';
import { scaling } from './scaling.js';
import { share, takeover } from './share.js';
import { shellKills } from './shell-kills.js';
import { shellMap } from './shell-map.js';
import { throughput } from './throughput.js';
import { traces } from './traces.js';

export const benches: readonly Bench[] = [
  throughput,
  latency,
  cold,
  cost,
  durableQueues,
  postgres,
  monteCarlo,
  cpuJobs,
  scaling,
  parallelParts,
  http,
  drain,
  putAll,
  life,
  backlog,
  blocked,
  cancel,
  pending,
  manyPending,
  monitor,
  page,
  share,
  takeover,
  traces,
  maps,
  shellMap,
  shellKills,
  idleQueues,
  idle,
];

/** The benches that run by default. */
export const usualBenches: readonly Bench[] = benches.filter(({ onDemand }) => !onDemand);
