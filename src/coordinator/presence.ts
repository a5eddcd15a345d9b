/**
 * This dispatcher among others: it proves that it lives, and declares others dead.
 *
 * The rules, which compare no clocks of two hosts:
 *
 *   - Each dispatcher pings: it raises a count in the store. The others see it when the store has
 *     answered a ping of their own.
 *   - A dispatcher is dead if its count has stood still for its `deathMs`, and for the observer's,
 *     on the monotonic clock of the observer. After a gap between two answers the observer begins
 *     anew: the store may have stood still, and then everyone looks dead.
 *   - The same silence, seen from inside: a dispatcher measures from the moment at which it sent
 *     the last ping that was answered, so it always notices before the others do. It begins nothing
 *     more after most of `deathMs`, in its threads either (`Board.beginUntil`). After all of it, it
 *     stops its jobs and gives them back as soon as the store answers.
 *   - Whatever a dispatcher that was declared dead still sends, the core refuses by its fence.
 *
 * A store that no other process can open needs no pings: its lock shows more, and at once.
 */

import { idToText } from '../codec/id.js';
import type { Command } from '../core/commands.js';
import { dispatcherOf, pingsOf } from '../core/dispatchers.js';
import type { Id } from '../core/records.js';
import { CallsheetError, DispatcherInactiveError } from '../errors.js';
import type { Context } from './context.js';
import type { Timer } from './long-timeout.js';

export interface PresenceOptions {
  /** Unique to this process. */
  readonly incarnation: Id;
  readonly host: string;
  readonly pid: number;
  /** See `DispatcherRecord`. */
  readonly isPassing?: boolean;
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
  /** All that threads have begun or ended must be asked of the store now. */
  readonly noteRuns: () => void;
  /** All claims were taken from this dispatcher. */
  readonly lost: () => void;
  /** No job may begin from this moment of the monotonic clock on, unless a later one follows. */
  readonly beginUntil: (moment: number) => void;
  /** `true` if a job still runs here. */
  readonly isBusy: () => boolean;
  /** See `PingRecord`. */
  readonly holdsFrom: () => Id | undefined;
}

/** The part of `deathMs` without an answer after which a dispatcher begins nothing more. */
const beginShare = 5 / 6;
/** Two answers further apart than this, in intervals of pings, prove nothing about the others. */
const largestGap = 1.5;

/** A sibling's count of pings, and since when the observer has seen it. */
interface Seen {
  readonly pings: number;
  readonly since: number;
}

export class Presence {
  readonly #context: Context;
  readonly #owner: PresenceOwner;
  readonly #options: PresenceOptions;
  /** `clearing`: runs that were taken from it have not ended yet. */
  #state: 'idle' | 'active' | 'clearing' | 'ended' = 'idle';
  #refused = false;
  #timer: Timer | undefined;
  /** Fires when others may declare this dispatcher dead. */
  #deathTimer: Timer | undefined;
  /** `true` while an activation or a ping has no answer. Another one would prove no more. */
  #isAsking = false;
  /** Moments of the monotonic clock, as the fields below. Nothing may begin from here on. */
  #beginsUntil = Number.NEGATIVE_INFINITY;
  /** The last answer of the store. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** An answer to an older question does not count. */
  #doubtedAt = Number.NEGATIVE_INFINITY;
  readonly #seen = new Map<Id, Seen>();

  constructor(context: Context, owner: PresenceOwner, options: PresenceOptions) {
    this.#context = context;
    this.#owner = owner;
    this.#options = options;
  }

  /** `true` if it may claim, by its own knowledge: others may have declared it dead already. */
  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** `true` if jobs may begin: no other dispatcher can have declared it dead yet. */
  get mayBegin(): boolean {
    const { store, monotonic } = this.#context;
    return this.isActive && (store.isExclusive || monotonic() < this.#beginsUntil);
  }

  /** Activates the dispatcher as soon as no other process works under its id. */
  begin(): void {
    const { host, pid, pingMs, deathMs, isPassing } = this.#options;
    const isNew = dispatcherOf(this.#context.store.local, this.#context.dispatcher) === undefined;
    const holdsFrom = this.#owner.holdsFrom();
    const process = { host, pid, pingMs, deathMs, holdsFrom, ...(isPassing && { isPassing }) };
    this.#ask({ type: 'activate', ...this.#incarnation, ...process }, (error, sentAt) => {
      if (error !== undefined) return this.#noteRefusal(error);
      this.#state = 'active';
      this.#refused = false;
      this.#live(sentAt);
      this.#owner.activated(isNew);
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
    const holdsFrom = this.#owner.holdsFrom();
    this.#ask({ type: 'ping', ...this.#incarnation, holdsFrom }, (error, sentAt) => {
      if (error === undefined) this.#live(sentAt);
      else if (error instanceof DispatcherInactiveError) this.#noteLoss(error);
    });
  }

  /** Begins nothing before the next answer: the machine may have slept, and its clock with it. */
  doubt(): void {
    if (this.#state !== 'active') return;
    this.#doubtedAt = this.#context.monotonic();
    this.#beginBefore(this.#doubtedAt);
    this.ping();
  }

  /** Deactivates the dispatcher, which gives its jobs back. */
  end(): void {
    this.#timer?.clear();
    this.#deathTimer?.clear();
    if (this.#state !== 'ended') this.#context.decide({ type: 'deactivate', ...this.#incarnation });
    this.#state = 'ended';
  }

  get #incarnation(): { dispatcher: Id; incarnation: Id } {
    return { dispatcher: this.#context.dispatcher, incarnation: this.#options.incarnation };
  }

  /** Sends an activation or a ping. Each answer shows how the other dispatchers are. */
  #ask(command: Command, answered: (error: Error | undefined, sentAt: number) => void): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const asking = this.#state;
    const sentAt = this.#context.monotonic();
    const reply = (error: Error | undefined) => {
      this.#isAsking = false;
      if (this.#state === asking) answered(error, sentAt);
      // The answer came after this dispatcher had given itself up.
      else if (this.#state === 'idle') return this.begin();
      if (this.#state === 'ended' || (this.#context.store.isExclusive && this.#state === 'active')) return;
      if (error === undefined || error instanceof CallsheetError) this.#observe();
      else this.#tickLater(this.#options.pingMs);
    };
    this.#context.decide(command, { reply });
  }

  /** The store has answered a question that was sent at this moment. */
  #live(sentAt: number): void {
    const { store, monotonic, after, turn } = this.#context;
    if (store.isExclusive) return;
    const { deathMs } = this.#options;
    if (sentAt < this.#doubtedAt) return this.ping();
    const could = this.mayBegin;
    this.#beginBefore(sentAt + beginShare * deathMs);
    this.#deathTimer?.clear();
    this.#deathTimer = after(Math.max(0, sentAt + deathMs - monotonic()), () => this.#giveUp());
    if (!could) turn();
  }

  #beginBefore(moment: number): void {
    this.#beginsUntil = moment;
    this.#owner.beginUntil(moment);
  }

  #tickLater(delayMs: number): void {
    this.#timer?.clear();
    this.#timer = this.#context.after(delayMs, () => {
      if (this.#state === 'idle') this.begin();
      else this.ping();
    });
  }

  /** Declares others dead whose pings stand still. Looks again when the next one may be dead. */
  #observe(): void {
    const { store, monotonic, dispatcher } = this.#context;
    const { pingMs, deathMs, incarnation } = this.#options;
    const { local } = store;
    const now = monotonic();
    if (now - this.#answeredAt > largestGap * pingMs) this.#seen.clear();
    this.#answeredAt = now;
    const before = new Map(this.#seen);
    this.#seen.clear();
    let nextMs = pingMs;
    for (const id of [...local.activeDispatchers()]) {
      const other = dispatcherOf(local, id)!;
      if (id === dispatcher && other.incarnation === incarnation) continue;
      const pings = pingsOf(local, id)!.count;
      const last = before.get(id);
      const seen = last?.pings === pings ? last : { pings, since: now };
      const leftMs = seen.since + Math.max(deathMs, other.deathMs) - now;
      if (leftMs <= 0) this.#context.decide({ type: 'rescue', dispatcher: id, pings });
      else this.#seen.set(id, seen);
      nextMs = Math.min(nextMs, Math.max(0, leftMs));
    }
    this.#tickLater(nextMs);
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

  /** Acts as declared dead, whether others have done it or not. */
  #giveUp(): void {
    if (this.#state !== 'active') return;
    const { deathMs } = this.#options;
    // A job that has begun must not go back as if it had not: its attempt would come twice.
    this.#owner.noteRuns();
    // Decided when the store answers again. The jobs may still be its own then.
    this.#context.decide({ type: 'deactivate', ...this.#incarnation });
    const message = `the dispatcher had no contact with its store for ${deathMs} ms, so others may have taken its jobs`;
    this.#noteLoss(new DispatcherInactiveError(`${message}: it stops them, and works again when the store answers`));
  }

  #noteLoss(error: Error): void {
    this.#state = 'clearing';
    this.#deathTimer?.clear();
    this.#context.post(['log', 'fatal', error.message, idToText(this.#context.dispatcher)]);
    this.#owner.lost();
    this.reactivate();
  }
}
