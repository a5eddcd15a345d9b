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
import type { Store } from '../store/store.js';
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

export interface PresencePorts {
  readonly store: Store;
  readonly now: () => number;
  readonly after: (delayMs: number, callback: () => void) => Timer;
  /** Decides at once, not with the turn. */
  readonly decide: (command: Command, reply?: (error?: Error) => void) => void;
  readonly log: (level: 'fatal' | 'warn', message: string, detail: string) => void;
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
  readonly #ports: PresencePorts;
  readonly #dispatcher: Id;
  readonly #options: PresenceOptions;
  /** `clearing`: what was taken from it still runs here. */
  #state: 'idle' | 'active' | 'clearing' | 'ended' = 'idle';
  #refused = false;
  #timer: Timer | undefined;

  constructor(ports: PresencePorts, dispatcher: Id, options: PresenceOptions) {
    this.#ports = ports;
    this.#dispatcher = dispatcher;
    this.#options = options;
  }

  /** Whether it may claim, as far as it knows. */
  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** Begins to work, as soon as nobody else works under its id. */
  begin(): void {
    const { host, pid, pingMs, deathMs } = this.#options;
    const isNew = dispatcherOf(this.#ports.store.state, this.#dispatcher) === undefined;
    this.#decide({ type: 'activate', ...this.#incarnation, host, pid, pingMs, deathMs }, (error) => {
      if (this.#state !== 'idle') return;
      if (error === undefined) {
        this.#state = 'active';
        this.#refused = false;
        this.#ports.activated(isNew);
      } else this.#noteRefusal(error);
      this.#tickLater();
    });
  }

  /** Something ended here: it goes on when nothing is left of what was taken from it. */
  reactivate(): void {
    if (this.#state !== 'clearing' || this.#ports.isBusy()) return;
    this.#state = 'idle';
    this.begin();
  }

  /** Says that it is alive, and hears whether others think so too. */
  ping(): void {
    if (this.#ports.store.isExclusive || this.#state !== 'active') return;
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
    return { dispatcher: this.#dispatcher, incarnation: this.#options.incarnation };
  }

  #decide(command: Command, reply?: (error?: Error) => void): void {
    this.#ports.decide(command, reply);
  }

  #tickLater(): void {
    if (this.#ports.store.isExclusive && this.#state === 'active') return;
    this.#timer?.clear();
    this.#timer = this.#ports.after(this.#options.pingMs, () => this.#tick());
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
    const { store, now } = this.#ports;
    for (const setting of [...store.state.settings()]) {
      if (setting.kind !== 'dispatcher' || !setting.active || setting.id === this.#dispatcher) continue;
      if (isSilent(setting, now())) this.#decide({ type: 'rescue', dispatcher: setting.id });
    }
  }

  #noteRefusal(error: Error): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#ports.refused();
    this.#ports.log(
      'warn',
      `this dispatcher cannot begin to work yet: ${error.message}; it keeps trying`,
      idToText(this.#dispatcher),
    );
  }

  #noteLoss(error: Error): void {
    this.#state = 'clearing';
    this.#ports.log('fatal', error.message, idToText(this.#dispatcher));
    this.#ports.lost();
    this.reactivate();
  }
}
