/**
 * The commands of one group commit, decided but not yet kept, with their effects and replies.
 *
 * All stores decide through this file, so that a command means the same in each. The group
 * remembers its commands until it is kept: a store that cannot write a group undoes it, and decides
 * it again without the commands that take room.
 */
import type { Effect, Gate, Outside } from '../core/commands.js';
import { type Decided, decideIn } from '../core/decide.js';
import type { Decision } from '../core/decision.js';
import type { Event } from '../core/events.js';
import type { Id } from '../core/records.js';
import type { State } from '../core/state/state.js';
import type { Asked } from './store.js';

interface Reply {
  readonly tell: NonNullable<Asked['reply']>;
  readonly error: Error | undefined;
  readonly same: readonly Id[] | undefined;
}

/** The effects and replies behind one gate. */
export interface Released {
  readonly effects: readonly Effect[];
  readonly replies: readonly Reply[];
}

export class Group {
  readonly asked: Asked[] = [];
  readonly #effects: Effect[] = [];
  #decision: { -readonly [Field in keyof Decision]: Decision[Field] } | undefined;
  readonly #replies: Record<Gate, Reply[]> = { decided: [], written: [], synced: [] };

  /** The effects of all gates, in order. */
  get effects(): readonly Effect[] {
    return this.#effects;
  }

  get empty(): boolean {
    return this.asked.length === 0;
  }

  decide(state: State, asked: Asked, outside: Outside): void {
    try {
      this.#note(asked, decideIn(this.#decisionAt(state, outside), asked.command));
    } catch (error) {
      this.refuse(asked, error as Error);
    }
  }

  /** One decision serves all commands of the group. */
  #decisionAt(state: State, { now, listening, holding, dispatcher, random, failure }: Outside): Decision {
    const decision = this.#decision;
    if (decision?.state !== state) {
      const outside = { now, listening, holding, dispatcher, random, failure };
      this.#decision = { state, ...outside, effects: this.#effects, partsLeft: 0 };
      return this.#decision;
    }
    decision.now = now;
    decision.listening = listening;
    decision.holding = holding;
    return decision;
  }

  /** Adds a command that was decided elsewhere, with the effects it had there. */
  note(asked: Asked, { effects, same }: Decided): void {
    for (const effect of effects) this.#effects.push(effect);
    this.#note(asked, same);
  }

  #note(asked: Asked, same: readonly Id[] | undefined): void {
    this.asked.push(asked);
    const { gate, reply } = asked;
    if (reply !== undefined) this.#replies[gate].push({ tell: reply, error: undefined, same });
  }

  /** Adds a command that changed nothing, or that is not decided at all, with its error. */
  refuse(asked: Asked, error: Error): void {
    this.asked.push(asked);
    const { command, gate, reply, refused } = asked;
    const tell = reply ?? (refused === undefined ? undefined : () => refused(error, command));
    if (tell !== undefined) this.#replies[gate].push({ tell, error, same: undefined });
  }

  /** Returns the events of all commands, in order. */
  get events(): Event[] {
    return this.#effects.flatMap((effect) => (effect.type === 'event' ? [effect.event] : []));
  }

  behind(gate: Gate): Released {
    return { effects: this.#effectsBehind(gate), replies: this.#replies[gate] };
  }

  /** Mostly all effects of a group have the same gate, or each gate has many. */
  #effectsBehind(gate: Gate): readonly Effect[] {
    let count = 0;
    for (const effect of this.#effects) if (effect.gate === gate) count++;
    if (count === this.#effects.length) return this.#effects;
    const effects = new Array<Effect>(count);
    let at = 0;
    for (const effect of this.#effects) if (effect.gate === gate) effects[at++] = effect;
    return effects;
  }

  /** Sends the error to all replies, behind every gate: the group is lost. */
  fail(error: Error): void {
    for (const { reply } of this.asked) reply?.(error);
  }
}
