/** Planted bugs against section 15 of the contract: limits and costs. */
import type { Mutant } from './mutant.js';

export const limits: readonly Mutant[] = [
  {
    bug: 'a turn looks at paused queues',
    tags: ['15.3'],
    file: 'core/lanes.ts',
    find: ' && !this.#paused.has(queue);',
    replace: ';',
  },
  {
    bug: 'a turn looks at queues whose quotas are full',
    tags: ['15.3'],
    file: 'core/lanes.ts',
    find: '      park(line!, lane, full);\n      this.#noteOpen(queue);',
    replace: '      park(line!, lane, full);',
  },
  {
    bug: 'to create a queue, all queues are looked at',
    tags: ['15.3'],
    file: 'coordinator/coordinator.ts',
    find: 'if (this.#presence?.isActive) runs.claiming.installAgent(queue);',
    replace: 'if (queue !== undefined) this.#installAgents();',
  },
];
