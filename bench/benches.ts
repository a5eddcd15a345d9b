/**
 * The benches there are, in the order in which they are run.
 */

import { drain } from './drain.js';
import type { Bench } from './harness/bench.js';
import { latency } from './latency.js';
import { monteCarlo } from './monte-carlo.js';
import { putAll } from './put-all.js';
import { throughput } from './throughput.js';

export const benches: readonly Bench[] = [throughput, latency, monteCarlo, drain, putAll];
