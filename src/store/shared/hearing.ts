/**
 * The events of all processes, for the listeners of this one.
 *
 * While any process listens, each transaction also writes the events of its decisions. Listeners
 * read them there, their own among them: so all hear the same, in an order that fits each job, and
 * an event of a commit that was lost on its way comes once.
 */
import type { Event } from '../../core/events.js';
import type { Database, Rows } from './database.js';
import type { Want } from './wants.js';

export class Hearing {
  readonly #database: Database;
  readonly #listener = crypto.randomUUID();
  #isOn = false;
  /** The position of the last reading; undefined before the first. */
  #position: string | undefined;
  /** `true` if events may have been lost since the last reading. */
  #hasGap = false;
  /** `true` if this process has written events since the last sweep. */
  #hasWritten = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** `true` while the listeners get their events by `take`. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Begins or ends to hear, if that is not so yet. Rejects as the database does. */
  async be(listening: boolean): Promise<void> {
    if (listening === this.#isOn) return;
    if (listening) await this.#database.addListener(this.#listener);
    else await this.#database.removeListener(this.#listener);
    this.#isOn = listening;
    this.#position = undefined;
    this.#hasGap &&= listening;
  }

  /** The want for the events that are not read yet. */
  get wants(): readonly Want[] {
    return this.#isOn ? [{ kind: 'events', listener: this.#listener, after: this.#position }] : [];
  }

  /** Takes in the rows that were read for `wants`. */
  take({ events }: Rows): { readonly events: readonly Event[]; readonly isGap: boolean } {
    if (events === undefined) {
      // The database was away, or this process stood still, for so long that it was taken off.
      this.#hasGap ||= this.#isOn;
      this.#isOn = false;
      return { events: [], isGap: false };
    }
    const isGap = this.#hasGap;
    this.#hasGap = false;
    this.#position = events.position;
    return { events: events.list, isGap };
  }

  /** This process has written events for others. */
  noteWritten(): void {
    this.#hasWritten = true;
  }

  /** Drops events that all have read, and shows that this listener is there. */
  async sweep(): Promise<void> {
    if (!this.#isOn && !this.#hasWritten) return;
    this.#hasWritten = false;
    const position = this.#isOn ? this.#position : undefined;
    await this.#database.sweepEvents(position === undefined ? undefined : { listener: this.#listener, position });
  }
}
