/**
 * The completed jobs that are remembered: the succeeded and the failed roots, each in the order in
 * which they completed, which is the order in which they are forgotten; the bytes of the jobs that
 * are forgotten with them; and the last ones of each agent, without callbacks.
 */
import { type Id, type JobRecord, takesTurns } from '../records.js';
import type { JobRow } from './job-row.js';
import type { PayloadColumns } from './payload-columns.js';
import { type KeptRoots, Roots } from './roots.js';
import { Seats } from './seats.js';

/** The most completed jobs that `by` returns. */
const recentCount = 1000;
/** The jobs of an agent that are noted: some of them may be forgotten. */
const mostNoted = 2 * recentCount;

/** The completed roots that are kept together. */
export type Kept = 'succeeded' | 'failed';

/** In a ring, since a list that shrinks and grows allocates its room anew. */
interface Recent {
  readonly ids: Id[];
  /** The index of the oldest once there are `mostNoted`. */
  oldest: number;
}

export class Completed {
  readonly seats: Seats;
  readonly #kept: Readonly<Record<Kept, Roots>>;
  /** Finds a job for reading. */
  readonly #look: (id: Id) => JobRow | undefined;
  /**
   * The last completed jobs by agent, oldest first. Some may be forgotten since, or no longer
   * completed; `by` leaves them out.
   */
  readonly #recent = new Map<string, Recent>();

  constructor(look: (id: Id) => JobRow | undefined, payloads?: PayloadColumns) {
    this.seats = new Seats(payloads);
    this.#kept = { succeeded: new Roots(this.seats), failed: new Roots(this.seats) };
    this.#look = look;
  }

  /**
   * The roots of one kind. Their bytes are those of the arguments and results of all completed jobs
   * in their trees; jobs of a root that is not completed count with the succeeded ones.
   */
  of(kept: Kept): KeptRoots<JobRow> {
    return this.#kept[kept];
  }

  /** Yields the roots of one kind, the last one completed first. */
  newest(kept: Kept): IterableIterator<JobRow> {
    return this.#kept[kept].newest();
  }

  /** Returns the last completed jobs of an agent, newest first. */
  by(agent: string): readonly JobRow[] {
    const found: JobRow[] = [];
    const { ids = [], oldest = 0 } = this.#recent.get(agent) ?? {};
    for (const id of new Set([...ids.slice(oldest), ...ids.slice(0, oldest)])) {
      const row = this.#look(id);
      if (row?.status === 'completed' && row.agent === agent) found.push(row);
    }
    found.sort((a, b) => a.completedAt - b.completedAt);
    return found.slice(-recentCount).reverse();
  }

  /**
   * Adds a job that completed after all others. Jobs of one moment stand in the order of their ids,
   * so that the order is the same in all stores.
   */
  add(row: JobRow): void {
    this.load(row);
    this.#moveMembers(row, true);
  }

  /** Adds a job that completed elsewhere, perhaps before others that are here already. */
  addInOrder(row: JobRow): void {
    this.#note(row);
    if (row.role === 'root') this.#rootsOf(row).addInOrder(row);
    this.#moveMembers(row, true);
  }

  /** Adds a job while a store opens: its members are added by themselves, before or after it. */
  load(row: JobRow): void {
    this.#note(row);
    if (row.role === 'root') this.#rootsOf(row).add(row);
  }

  #note(row: JobRow): void {
    row.isOfFailed = this.#isOfFailed(row);
    this.#rootsOf(row).bytes += payloadBytes(row);
    if (row.agent !== '' && !takesTurns(row)) this.#noteRecent(row);
  }

  /** `true` if the root above the job has failed, and is completed. */
  #isOfFailed(row: JobRow): boolean {
    let root: JobRow | undefined = row;
    while (root !== undefined && root.role !== 'root') root = this.#look(root.parent);
    return root !== undefined && root.outcome === 'failure' && root.status === 'completed';
  }

  #rootsOf({ isOfFailed }: JobRow): Roots {
    return isOfFailed ? this.#kept.failed : this.#kept.succeeded;
  }

  /** The completed jobs below a failed root count with it as soon as it is completed. */
  #moveMembers(row: JobRow, areOfFailed: boolean): void {
    if (row.role === 'root' && row.isOfFailed) this.#moveBelow(row, areOfFailed);
  }

  /** Skips the members that a partial view has not loaded. */
  #moveBelow({ partRows, callbackRows }: JobRow, areOfFailed: boolean): void {
    const move = (member: JobRow): void => {
      // A member that another process forgot may still be in the list.
      if (member.isThere && member.status === 'completed' && member.isOfFailed !== areOfFailed) {
        this.#rootsOf(member).bytes -= payloadBytes(member);
        member.isOfFailed = areOfFailed;
        this.#rootsOf(member).bytes += payloadBytes(member);
      }
      this.#moveBelow(member, areOfFailed);
    };
    partRows.forEach(move);
    callbackRows.forEach(move);
  }

  /** Removes a job that is no longer completed, or no longer there. */
  remove(row: JobRow): void {
    this.#moveMembers(row, false);
    this.forget(row);
    if (row.role === 'root') this.#rootsOf(row).remove(row);
  }

  /** Takes out the oldest root of one kind, for it to be forgotten. Returns its seat. */
  takeOldest(kept: Kept): number {
    return this.#kept[kept].takeOldest();
  }

  /** Takes out a root, for it to be forgotten before its time. */
  takeOut(row: JobRow): void {
    this.#rootsOf(row).takeOut();
  }

  /** Forgets a job. A root was taken out by `takeOldest` or `takeOut` before. */
  forget(row: JobRow): void {
    this.#rootsOf(row).bytes -= payloadBytes(row);
  }

  /** Undoes the last `forget`, and for a root its `takeOldest` or `takeOut`. */
  remember(row: JobRow): void {
    const roots = this.#rootsOf(row);
    roots.bytes += payloadBytes(row);
    if (row.role === 'root') roots.putBack(row.seat);
  }

  /** Forgets a packed job, which `takeOldest` took out before. */
  forgetPacked(seat: number): void {
    this.#kept.succeeded.bytes -= this.seats.bytes(seat);
    this.seats.setGone(seat, true);
  }

  /** Undoes the last `forgetPacked`, and its `takeOldest`. */
  rememberPacked(seat: number): void {
    this.#kept.succeeded.bytes += this.seats.bytes(seat);
    this.seats.setGone(seat, false);
    this.#kept.succeeded.putBack(seat);
  }

  forgetAgent(agent: string): void {
    this.#recent.delete(agent);
  }

  /** Frees the forgotten roots, which cannot be remembered any more. */
  trim(): void {
    this.#kept.succeeded.trim();
    this.#kept.failed.trim();
  }

  #noteRecent({ agent, id }: JobRow): void {
    const recent = this.#recent.get(agent);
    if (recent === undefined) this.#recent.set(agent, { ids: [id], oldest: 0 });
    else if (recent.ids.length < mostNoted) recent.ids.push(id);
    else {
      recent.ids[recent.oldest] = id;
      recent.oldest = (recent.oldest + 1) % mostNoted;
    }
  }
}

const payloadBytes = ({ args, result }: JobRecord) => (args?.byteLength ?? 0) + (result?.byteLength ?? 0);
