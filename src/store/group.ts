/**
 * What is decided and not yet kept: the commands of one group commit, their effects and their replies.
 *
 * Both stores decide through this file, so that a command means the same in each. The commands are remembered until the group is
 * kept: a group that could not be written is undone and decided again without what takes room.
 */
import type { Effect, Gate } from '../core/commands.js';
import { decide } from '../core/decide.js';
import type { State } from '../core/state.js';
import type { Asked } from './store.js';

interface Reply {
  readonly tell: (error?: Error) => void;
  readonly error: Error | undefined;
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

  decide(state: State, asked: Asked, now: number): void {
    this.asked.push(asked);
    let error: Error | undefined;
    try {
      for (const effect of decide(state, asked.command, now)) this.#released[effect.gate].effects.push(effect);
    } catch (thrown) {
      error = thrown as Error;
    }
    this.#reply(asked, error);
  }

  /** The command is not decided at all. */
  refuse(asked: Asked, error: Error): void {
    this.#reply(asked, error);
  }

  behind(gate: Gate): Released {
    return this.#released[gate];
  }

  /** Tells all that wait, behind whatever gate, that the group is lost. */
  fail(error: Error): void {
    for (const { reply } of this.asked) reply?.(error);
  }

  #reply({ gate, reply }: Asked, error: Error | undefined): void {
    if (reply !== undefined) this.#released[gate].replies.push({ tell: reply, error });
  }
}
