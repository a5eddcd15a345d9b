/** Random faults of a database: the same generator gives the same faults. */
import type { Random } from '../harness/randomness.js';
import type { Faults, LostCommit } from './database.js';

const lostCommits: readonly LostCommit[] = ['before', 'after', 'later'];

export function randomFaults(random: Random): Faults {
  return {
    turns: () => 1 + random(8),
    loses: () => random(40) === 0,
    conflicts: () => random(8) === 0,
    commit: () => (random(6) === 0 ? lostCommits[random(3)]! : 'never'),
    forgets: () => random(3) === 0,
  };
}
