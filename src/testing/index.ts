/**
 * callsheet/testing: a runtime in memory on a clock that a test moves, for the tests of those who
 * use callsheet, and for its own.
 *
 * @example const kit = await openVirtual({ jobs: [mail] }); const job = await
 * kit.runtime.queue().put(mail.send('Ada'), { retry: retryErrors({ limit: 3 }) }); await
 * kit.waitForStatus(job, 'completed'); assert.deepEqual(kit.fatal, []); await kit.close();
 */
export { type Kit, openVirtual } from './kit.js';
export type { KitClock, KitClosed, VirtualOptions, WaitLimits } from './kit-options.js';
export type { LogLine } from './virtual-dispatcher.js';
