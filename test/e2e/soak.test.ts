/** Many jobs for a long time. `CALLSHEET_SOAK_JOBS=4000000` is the long form. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { seedOf } from '../harness/randomness.js';
import { temporaryDirectory } from '../harness/temporary.js';
import { type Sample, slope, soak } from './soak.js';

const jobs = Number(process.env.CALLSHEET_SOAK_JOBS ?? 24_000);
const segmentBytes = 64 * 1024 * 1024;
/** Growth counts as warming up in runs with fewer jobs. */
const longRun = 500_000;

it('[2.12] keeps disk, file handles and memory bounded while jobs come and go', {
  skip: process.platform === 'linux' ? false : 'handles are counted in /proc',
  timeout: 24 * 3_600_000,
}, async (t) => {
  const perLiveByte = ({ diskBytes, liveBytes }: Sample) => diskBytes / liveBytes;
  const { samples, ...figures } = await soak(join(temporaryDirectory(), 'journal'), jobs, seedOf(t), (sample) => {
    const { jobs: done, rssMiB, heapMiB, handles, diskBytes } = sample;
    t.diagnostic(
      `${done} jobs: rss ${rssMiB.toFixed(0)} MiB, heap ${heapMiB.toFixed(0)} MiB, ${handles} handles, disk ${(diskBytes / 2 ** 20).toFixed(0)} MiB, ${perLiveByte(sample).toFixed(1)} per live byte`,
    );
  });
  const rssSlope = slope(samples, ({ rssMiB }) => rssMiB);
  const last = samples.at(-1)!;
  t.diagnostic(
    `${figures.jobs} jobs, ${figures.jobsPerSecond.toFixed(0)}/s, ${(figures.bytesWritten / 2 ** 20).toFixed(0)} MiB written, ${figures.snapshots} snapshots; at the end ${perLiveByte(last).toFixed(2)} bytes on the disk for a live one, ${((last.diskBytes - 2 * segmentBytes) / last.liveBytes).toFixed(2)} without two segments; in a million jobs: rss ${rssSlope.toFixed(1)} MiB, heap ${slope(samples, ({ heapMiB }) => heapMiB).toFixed(1)} MiB, handles ${slope(samples, ({ handles }) => handles).toFixed(2)}`,
  );
  assert.ok(figures.snapshots >= 1);
  for (const { diskBytes, liveBytes, jobs: done } of samples)
    assert.ok(diskBytes <= liveBytes * 5 + 2 * segmentBytes, `${done} jobs: ${diskBytes} bytes on the disk`);
  const half = samples.slice(Math.floor(samples.length / 2));
  const spread = Math.max(...half.map(({ handles }) => handles)) - Math.min(...half.map(({ handles }) => handles));
  assert.ok(spread <= 8, `handles grew by ${spread}`);
  if (figures.jobs >= longRun) assert.ok(rssSlope < 25, `memory grows by ${rssSlope} MiB in a million jobs`);
});
