/** Planted bugs against section 15 of the contract: limits and costs. */
import type { Mutant } from './mutant.js';

export const limits: readonly Mutant[] = [
  {
    bug: 'the payload limit does not apply to results',
    tags: ['15.1'],
    in: 'worker/execution.ts#makeCodec',
    find: "code: 'RESULT_NOT_STORABLE', limitBytes, reference: referenceOf }",
    replace: "code: 'RESULT_NOT_STORABLE', reference: referenceOf }",
  },
  {
    bug: 'the payload limit does not apply to arguments',
    tags: ['15.1'],
    in: 'definition/encode.ts#encodeGiven',
    find: 'arguments`, limitBytes, reference, handOver',
    replace: 'arguments`, reference, handOver',
  },
  {
    bug: 'the payload limit does not apply to puts inside jobs',
    tags: ['15.1'],
    in: 'worker/context.ts#encoding',
    find: 'const { modules, payloadLimitBytes } = this.#thread;',
    replace: 'const [{ modules }, payloadLimitBytes] = [this.#thread, 1e9];',
  },
  {
    bug: 'a name that is looked for may have any length, until the owner of a client reads it',
    tags: ['15.1'],
    tests: ['sharing/extremes.test.ts'],
    in: 'definition/names.ts#checkLookedFor',
    find: 'text.length <= longestName',
    replace: 'text.length >= 0',
  },
  {
    bug: 'the limit of a schedule’s jitter is that of messages only',
    tags: ['15.1'],
    tests: ['sharing/extremes.test.ts'],
    in: 'runtime/schedules.ts#setSchedule',
    find: 'jitterMs, { least: 0, most: longestMs,',
    replace: 'jitterMs, { least: 0, finite: true,',
  },
  {
    bug: 'a turn looks at paused queues',
    tags: ['15.3'],
    tests: ['coordinator/idle.test.ts'],
    in: 'core/state/lanes.ts#noteOpen',
    find: '&& !this.#paused.has(queue);',
    replace: ';',
  },
  {
    bug: 'a turn looks at queues whose quotas are full',
    tags: ['15.3'],
    tests: ['coordinator/idle.test.ts'],
    in: 'core/state/lanes.ts#first',
    find: 'this.#noteOpen(queue);',
    replace: '',
  },
  {
    bug: 'the creation of a queue looks at all queues',
    tags: ['15.3'],
    tests: ['coordinator/idle.test.ts'],
    in: 'coordinator/coordinator.ts#constructor',
    find: 'if (this.#presence?.isActive) runs.claiming.installAgent(queue);',
    replace: 'if (queue !== undefined) this.#installAgents();',
  },
];
