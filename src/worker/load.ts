/** The memory and the CPU time of this thread, for people who look at it. */
import { getHeapStatistics } from 'node:v8';
import type { ThreadLoad } from '../protocol/dispatch.js';

/** Of Node 23.9 and later. */
interface ThreadCpu {
  threadCpuUsage?(): { readonly user: number; readonly system: number };
}

const everyMs = 1000;
let readAt = Number.NEGATIVE_INFINITY;

/** Returns the load, once a second at most: reading it costs about as much as a trivial job. */
export function loadAt(now: number): ThreadLoad | undefined {
  if (now - readAt < everyMs) return undefined;
  readAt = now;
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
  const cpu = (process as ThreadCpu).threadCpuUsage?.();
  return { heapBytes, externalBytes, cpuMs: cpu && (cpu.user + cpu.system) / 1000 };
}
