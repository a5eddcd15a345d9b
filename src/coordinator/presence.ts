/**
 * This dispatcher among others: it proves that it lives, notices that it was declared dead, and
 * declares silent dispatchers dead.
 *
 * A store that no other process can open needs no pings: its lock shows more, and at once.
 */

import { idToText } from '../codec/id.js';
import type { Command } from '../core/commands.js';
import { dispatcherOf, isSilent } from '../core/dispatchers.js';
import type { Id } from '../core/records.js';
import { CallsheetError } from '../errors.js';
import type { Context } from './context.js';
import type { Timer } from './long-timeout.js';

export interface PresenceOptions {
  /** Unique to this process. */
  readonly incarnation: Id;
  readonly host: string;
  readonly pid: number;
  /** `pingMs`: the interval of pings. `deathMs`: the silence after which others declare it dead. */
  readonly pingMs: number;
  readonly deathMs: number;
}

/** The consequences of presence that the coordinator carries out. */
export interface PresenceOwner {
  /** Activation was refused, and is tried again. */
  readonly refused: () => void;
  /** The dispatcher may claim. `isNew`: the store did not know it, so it has no agents there. */
  readonly activated: (isNew: boolean) => void;
  /** All claims were taken from this dispatcher. */
  readonly lost: () => void;
  /** `true` if a job still runs here. */
  readonly isBusy: () => boolean;
}

export class Presence {
  readonly #context: Context;
  readonly #owner: PresenceOwner;
  readonly #options: PresenceOptions;
  /** `clearing`: runs that were taken from it have not ended yet. */
  #state: 'idle' | 'active' | 'clearing' | 'ended' = 'idle';
  #refused = false;
  #timer: Timer | undefined;

  constructor(context: Context, owner: PresenceOwner, options: PresenceOptions) {
    this.#context = context;
    this.#owner = owner;
    this.#options = options;
  }

  /** `true` if it may claim, by its own knowledge: others may have declared it dead already. */
  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** Activates the dispatcher as soon as no other process works under its id. */
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

  /** Activates the dispatcher again once the last run that was taken from it has ended. */
  reactivate(): void {
    if (this.#state !== 'clearing' || this.#owner.isBusy()) return;
    this.#state = 'idle';
    this.begin();
  }

  /** Proves that this dispatcher lives, and learns whether it was declared dead. */
  ping(): void {
    if (this.#context.store.isExclusive || this.#state !== 'active') return;
    this.#decide({ type: 'ping', ...this.#incarnation }, (error) => {
      if (this.#state === 'active' && error instanceof CallsheetError && error.code === 'DISPATCHER_INACTIVE')
        this.#noteLoss(error);
    });
  }

  /** Deactivates the dispatcher, which gives its jobs back. */
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
