/**
 * This dispatcher among others: it says that it is alive, notices when it was taken for dead, and
 * takes those for dead that say nothing.
 *
 * A store that no other process can have open needs no pings: its lock tells more, and at once.
 */

import { idToText } from '../codec/id.js';
import type { Command } from '../core/commands.js';
import { dispatcherOf, isSilent } from '../core/dispatchers.js';
import type { Id } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import type { Context } from './context.js';
import type { Timer } from './long-timeout.js';

export interface PresenceOptions {
  /** Another one for each process. */
  readonly incarnation: Id;
  readonly host: string;
  readonly pid: number;
  /** How often it pings; and for how long it may be silent before others take it for dead. */
  readonly pingMs: number;
  readonly deathMs: number;
}

/** What follows from it, and is for the coordinator to do. */
export interface PresenceOwner {
  /** It cannot begin yet. */
  readonly refused: () => void;
  /** It may claim now. `isNew`: the store did not know it, so it has no agents there. */
  readonly activated: (isNew: boolean) => void;
  /** All that it had was taken from it. */
  readonly lost: () => void;
  /** Whether anything still runs here. */
  readonly isBusy: () => boolean;
}

export class Presence {
  readonly #context: Context;
  readonly #owner: PresenceOwner;
  readonly #options: PresenceOptions;
  /** `clearing`: what was taken from it still runs here. */
  #state: 'idle' | 'active' | 'clearing' | 'ended' = 'idle';
  #refused = false;
  #timer: Timer | undefined;

  constructor(context: Context, owner: PresenceOwner, options: PresenceOptions) {
    this.#context = context;
    this.#owner = owner;
    this.#options = options;
  }

  /** Whether it may claim, as far as it knows. */
  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** Begins to work, as soon as nobody else works under its id. */
  begin(): void {
    const { host, pid, pingMs, deathMs } = this.#options;
    const isNew = dispatcherOf(this.#context.store.state, this.#context.dispatcher) === undefined;
    this.#decide({ type: 'activate', ...this.#incarnation, host, pid, pingMs, deathMs }, (error) => {
      if (this.#state !== 'idle') return;
      if (error === undefined) {
        this.#state = 'active';
        this.#refused = false;
        this.#owner.activated(isNew);
      } else this.#noteRefusal(error);
      this.#tickLater();
    });
  }

  /** Something ended here: it goes on when nothing is left of what was taken from it. */
  reactivate(): void {
    if (this.#state !== 'clearing' || this.#owner.isBusy()) return;
    this.#state = 'idle';
    this.begin();
  }

  /** Says that it is alive, and hears whether others think so too. */
  ping(): void {
    if (this.#context.store.isExclusive || this.#state !== 'active') return;
    this.#decide({ type: 'ping', ...this.#incarnation }, (error) => {
      if (this.#state === 'active' && error instanceof CallsheetError && error.code === 'DISPATCHER_INACTIVE')
        this.#noteLoss(error);
    });
  }

  /** Works no more, and leaves nothing behind. */
  end(): void {
    this.#timer?.clear();
    if (this.#state !== 'ended') this.#decide({ type: 'deactivate', ...this.#incarnation });
    this.#state = 'ended';
  }

  get #incarnation(): { dispatcher: Id; incarnation: Id } {
    return { dispatcher: this.#context.dispatcher, incarnation: this.#options.incarnation };
  }

  #decide(command: Command, reply?: (error?: Error) => void): void {
    const { decide, turn } = this.#context;
    decide(command, reply && { reply });
    turn();
  }

  #tickLater(): void {
    if (this.#context.store.isExclusive && this.#state === 'active') return;
    this.#timer?.clear();
    this.#timer = this.#context.after(this.#options.pingMs, () => this.#tick());
  }

  #tick(): void {
    if (this.#state === 'idle') return this.begin();
    if (this.#state === 'active') {
      this.ping();
      this.#rescueSilent();
    }
    if (this.#state !== 'ended') this.#tickLater();
  }

  #rescueSilent(): void {
    const { store, now } = this.#context;
    for (const setting of [...store.state.settings()]) {
      if (setting.kind !== 'dispatcher' || !setting.active || setting.id === this.#context.dispatcher) continue;
      if (isSilent(setting, now())) this.#decide({ type: 'rescue', dispatcher: setting.id });
    }
  }

  #noteRefusal(error: Error): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#owner.refused();
    this.#context.post([
      'log',
      'warn',
      `this dispatcher cannot begin to work yet: ${error.message}; it keeps trying`,
      idToText(this.#context.dispatcher),
    ]);
  }

  #noteLoss(error: Error): void {
    this.#state = 'clearing';
    this.#context.post(['log', 'fatal', error.message, idToText(this.#context.dispatcher)]);
    this.#owner.lost();
    this.reactivate();
  }
}
