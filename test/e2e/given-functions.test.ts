/** Functions that `open` takes by name: a missing one keeps the runtime from opening. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineJobs, type OwnPolicy, open, type RetryDefaults } from 'callsheet';
import { openVirtual } from 'callsheet/testing';
import { temporaryDirectory } from '../harness/temporary.js';
import { numbers } from './jobs/all.js';

const url = new URL('./jobs/numbers.js', import.meta.url);
const hooked = (hooks: object) => defineJobs('hooked', url, hooks);
const policy = (name: string) => (numbers as unknown as Record<string, OwnPolicy>)[name]!;
const retrying = (retry: RetryDefaults) => ({ jobs: [numbers], retry });

const refused: readonly [what: string, options: { jobs: unknown[]; retry?: RetryDefaults }, code: string, RegExp][] = [
  ['a setUp', { jobs: [hooked({ setUp: 'nope' })] }, 'UNKNOWN_EXPORT', /hooked exports .* nope \(setUp\)/],
  ['a tearDown', { jobs: [hooked({ tearDown: 'nope' })] }, 'UNKNOWN_EXPORT', /nope \(tearDown\)/],
  ['a policy of jobs', retrying({ jobs: policy('nope') }), 'UNKNOWN_EXPORT', /nope \(retry\.jobs\)/],
  ['a policy of callbacks', retrying({ callbacks: policy('nope') }), 'UNKNOWN_EXPORT', /nope \(retry\.callbacks\)/],
  [
    'a policy of a module that is not given',
    { jobs: [hooked({})], retry: { jobs: policy('add') } },
    'UNKNOWN_MODULE',
    /"numbers" was not given .*\(retry\.jobs\)/,
  ],
];

describe('open', () => {
  for (const [what, options, code, message] of refused) {
    it(`[3.4] refuses ${what} that this build lacks, and runs nothing`, async () => {
      await assert.rejects(open({ directory: temporaryDirectory(), threads: 1, ...options }), { code, message });
      await assert.rejects(openVirtual(options), { code, message });
    });
  }

  it('[3.4] refuses a setUp that is not a function', async () => {
    const numberedUrl = new URL('../contract/jobs/work.js', import.meta.url);
    const work = defineJobs('work', numberedUrl, { setUp: 'seen' });
    await assert.rejects(openVirtual({ jobs: [work] }), { code: 'EXPORT_NOT_CALLABLE', message: /seen.*\(setUp\)/ });
  });
});
