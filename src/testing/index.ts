/**
 * callsheet/testing: a runtime in memory on a clock that the test moves. For the tests of users of
 * callsheet, and for its own.
 *
 * @example
 * const kit = await openVirtual({ jobs: [mail] });
 * const retry = retryErrors({ limit: 3 });
 * const job = await kit.runtime.queue().put(mail.send('Ada'), { retry });
 * await kit.waitForStatus(job, 'completed');
 * assert.deepEqual(kit.fatal, []);
 * await kit.close();
 */
export { type Kit, openVirtual } from './kit.js';
export type { KitClock, KitClosed, VirtualOptions, WaitLimits } from './kit-options.js';
export type { LogLine } from './virtual-dispatcher.js';
