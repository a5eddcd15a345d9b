/** Planted bugs against lines of the contract while the wall clock is set. */
import type { Mutant } from './mutant.js';

export const clock: readonly Mutant[] = [
  {
    bug: 'a delay does not move with a clock that is set',
    tags: ['2.4'],
    in: 'core/clock-set.ts#timesSince',
    find: 'dueAt: moved(dueAt), deadline: moved(deadline)',
    replace: 'dueAt, deadline: moved(deadline)',
  },
  {
    bug: 'a date moves with a clock that is set',
    tags: ['2.4'],
    in: 'core/clock-set.ts#timesSince',
    find: 'if (!isAhead || delayed) {',
    replace: 'if (true) {',
  },
  {
    bug: 'a timer for a date is kept when the clock is set',
    tags: ['2.4'],
    in: 'coordinator/coordinator.ts#clockSet',
    find: 'this.#clearTimer();',
    replace: '',
  },
  {
    bug: 'a deadline does not move with a clock that is set',
    tags: ['2.5'],
    in: 'core/clock-set.ts#timesSince',
    find: 'dueAt: moved(dueAt), deadline: moved(deadline)',
    replace: 'dueAt: moved(dueAt), deadline',
  },
  {
    bug: 'a clock that passes a date passes the deadline behind it too',
    tags: ['2.5'],
    in: 'core/clock-set.ts#timesSince',
    find: 'Math.max(deadline, now + distance)',
    replace: 'deadline',
  },
  {
    bug: 'a clock set forward makes completed jobs older',
    tags: ['2.12'],
    in: 'coordinator/coordinator.ts#forget',
    find: 'this.#jumps.shownMs(keep.ageMs, now)',
    replace: 'keep.ageMs',
  },
  {
    bug: 'a rate does not move with a clock that is set',
    tags: ['4.8'],
    in: 'core/clock-set.ts#clockSet',
    find: 'state.shiftRates(byMs);',
    replace: '',
  },
  {
    bug: 'a rate waits until a clock set back while no runtime was open has caught up',
    tags: ['4.8'],
    in: 'core/dispatcher.ts#recoverAll',
    find: 'state.catchUpRates(now);',
    replace: '',
  },
];
