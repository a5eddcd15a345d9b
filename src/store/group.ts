/**
 * What is decided and not yet kept: the commands of one group commit, their effects and their replies.
 *
 * Both stores decide through this file, so that a command means the same in each. The commands are remembered until the group is
 * kept: a group that could not be written is undone and decided again without what takes room.
 */
import type { Effect, Gate, Outside } from '../core/commands.js';
import { decide } from '../core/decide.js';
import type { Id } from '../core/records.js';
import type { State } from '../core/state.js';
import type { Asked } from './store.js';

interface Reply {
  readonly tell: NonNullable<Asked['reply']>;
  readonly error: Error | undefined;
  readonly same: readonly Id[] | undefined;
}

/** What waits behind one gate. */
export interface Released {
  readonly effects: Effect[];
  readonly replies: Reply[];
}

export class Group {
  readonly asked: Asked[] = [];
  readonly #released: Record<Gate, Released> = {
    decided: { effects: [], replies: [] },
    written: { effects: [], replies: [] },
    synced: { effects: [], replies: [] },
  };

  get empty(): boolean {
    return this.asked.length === 0;
  }

  decide(state: State, asked: Asked, outside: Outside): void {
    this.asked.push(asked);
    try {
      const { effects, same } = decide(state, asked.command, outside);
      for (const effect of effects) this.#released[effect.gate].effects.push(effect);
      this.#reply(asked, undefined, same);
    } catch (error) {
      asked.refused?.(error as Error, asked.command);
      this.#reply(asked, error as Error, undefined);
    }
  }

  /** The command is not decided at all. */
  refuse(asked: Asked, error: Error): void {
    this.#reply(asked, error, undefined);
  }

  behind(gate: Gate): Released {
    return this.#released[gate];
  }

  /** Tells all that wait, behind whatever gate, that the group is lost. */
  fail(error: Error): void {
    for (const { reply } of this.asked) reply?.(error);
  }

  #reply({ gate, reply }: Asked, error: Error | undefined, same: readonly Id[] | undefined): void {
    if (reply !== undefined) this.#released[gate].replies.push({ tell: reply, error, same });
  }
}
