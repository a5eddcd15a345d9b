/**
 * The embedded store: decides in memory, appends the changes of a turn to the journal as one frame,
 * and syncs without blocking the loop.
 *
 * A frame is written as soon as its turn ends, even during a sync: jobs that may run once it is
 * written need not wait for the disk. One sync is in flight at a time; when it ends, the next one
 * covers all frames written meanwhile. While no agent has a job, nothing would share that next one,
 * so it begins at once, beside the first: a short job on an idle runtime waits for little more than
 * one sync. An effect that has no waiter, such as the end of most parts, causes no sync of its own:
 * the next one covers it, or a lazy one after `lazySyncMs`.
 */
import { type Command, gates } from '../../core/commands.js';
import type { JobRecord, Payload } from '../../core/records.js';
import { State } from '../../core/state/state.js';
import type { Puts } from '../../core/state/tallies.js';
import { ClosedError, JournalCorruptError, StorageFullError } from '../../errors.js';
import { type Journal, type JournalOptions, openJournal } from '../../journal/journal.js';
import { type Claim, type ClaimRequests, claimAll } from '../claims.js';
import { Group, type Released } from '../group.js';
import { lookAt } from '../look-at.js';
import {
  type Asked,
  OutsideNow,
  type Records,
  type Store,
  type StoreFigures,
  type StoreOutside,
  type StoreOwner,
  type Tell,
} from '../store.js';
import { LiveBytes } from './live-bytes.js';
import { machinePace, type Pace } from './pace.js';
import { PayloadPlaces } from './payload-places.js';
import { RecordReader } from './record-reader.js';
import { RecordWriter } from './record-writer.js';
import { Snapshots } from './snapshots.js';
import { StoredPayload } from './stored-payload.js';

/** A frame without a waiter is synced after this time, or after this many bytes. */
const lazySyncMs = 100;
const lazySyncBytes = 1024 * 1024;

/** While the disk is full: how often free space is checked. */
const lookForRoomMs = 500;

/** The commands refused while the disk is full. All others go on in the reserve. */
const takesRoom: ReadonlySet<Command['type']> = new Set<Command['type']>([
  'all',
  'put',
  'putAgain',
  'retry',
  'addCallbacks',
  'addParts',
  'feed',
  'fold',
  'change',
  'annotate',
  'createQueue',
  'setQuota',
  'setAgent',
]);

/** Effects and replies that wait for the sync of their frame. */
interface Waiting {
  readonly lsn: number;
  readonly released: Released;
}

export interface JournalStoreOptions extends JournalOptions {
  /** How snapshots share the thread. Default: `machinePace`. */
  pace?: Pace;
}

export class JournalStore implements Store, Records {
  readonly isExclusive = true;
  readonly isShared = false;
  readonly hears = false;
  readonly #places = new PayloadPlaces();
  readonly state = new State(this.#places);
  readonly view = this.state;
  readonly local = this.state;
  readonly payload = StoredPayload.of;
  /** Live bytes of payloads, by segment. */
  liveBytes!: LiveBytes;
  readonly #directory: string;
  readonly #outside: OutsideNow;
  readonly #options: JournalStoreOptions;
  readonly #pace: Pace;
  #journal!: Journal;
  #writer!: RecordWriter;
  #snapshots!: Snapshots;
  #owner!: StoreOwner;
  #group = new Group();
  #waiting: Waiting[] = [];
  /** The log must be synced up to this LSN as soon as possible. */
  #wantedLsn = 0;
  #syncs = 0;
  /** The log is synced up to this LSN when those in flight have ended. */
  #begunLsn = 0;
  #syncTimes = { lastSyncMs: 0, longestSyncMs: 0 };
  /** The journal's `bytesWritten` when the last sync began. */
  #bytesBeforeSync = 0;
  /**
   * Payloads to be evicted, and jobs to be packed then if they are completed, once the frame with
   * this LSN is synced.
   */
  #unsynced: {
    readonly lsn: number;
    readonly payloads: readonly StoredPayload[];
    readonly jobs: readonly JobRecord[];
  }[] = [];
  /** Cancels the next lazy sync. */
  #lazySync: (() => void) | undefined;
  /** Commands that not even the reserve has room for. They are decided when there is room. */
  #held: Asked[] = [];
  /** Cancels the next check for room. Undefined while the disk is not full. */
  #lookForRoom: (() => void) | undefined;
  #failed: Error | undefined;

  constructor(directory: string, outside: StoreOutside, options: JournalStoreOptions = {}) {
    this.#directory = directory;
    this.#outside = new OutsideNow(outside, this.payload);
    this.#options = options;
    this.#pace = options.pace ?? machinePace;
  }

  get takesWork(): boolean {
    return this.#lookForRoom === undefined || (this.#held.length === 0 && this.#journal.hasReserve);
  }

  get figures(): StoreFigures {
    const { frames, syncs, bytesWritten, diskBytes, freeBytes } = this.#journal;
    const snapshots = this.#snapshots.count;
    const times = { ...this.#syncTimes, ...this.#snapshots.times };
    return { frames, syncs, bytesWritten, snapshots, diskBytes, freeBytes, ...times };
  }

  get isSyncing(): boolean {
    return this.#syncs > 0;
  }

  async open(owner: StoreOwner): Promise<void> {
    this.#owner = owner;
    this.#journal = await openJournal(this.#directory, new RecordReader(this.state), this.#options);
    this.#reportRepairs();
    this.state.loaded();
    this.liveBytes = LiveBytes.of(this.state.jobs());
    this.#writer = new RecordWriter(this.#journal, this.state, this.liveBytes, this.#places);
    this.#snapshots = new Snapshots({
      journal: this.#journal,
      state: this.state,
      writer: this.#writer,
      live: this.liveBytes,
      pace: this.#pace,
      commit: () => this.commit(),
    });
  }

  #reportRepairs(): void {
    const { tornTail, damagedSnapshots = [] } = this.#journal.report;
    if (tornTail !== undefined) {
      const { file, offset, bytes, keptAs } = tornTail;
      const detail = `a power loss or kill -9 leaves such an end; ${bytes} bytes of ${file} are kept as ${keptAs}`;
      this.#owner.repaired(`the torn end of the journal was cut off at offset ${offset}`, detail);
    }
    for (const { path, offset, reason } of damagedSnapshots) {
      const detail = `${path} at offset ${offset}: ${reason}`;
      this.#owner.repaired('a damaged snapshot was passed over for an older one', detail);
    }
  }

  transact(asked: Asked): void {
    if (this.#failed !== undefined) return asked.reply?.(this.#failed);
    this.#group.decide(this.state, asked, this.#outside.look());
  }

  claim(requests: ClaimRequests): void {
    if (this.#failed !== undefined) return;
    const outside = this.#outside.look();
    const claim = (command: Claim) => this.#group.decide(this.state, { command, gate: 'decided' }, outside);
    claimAll(this.state, requests, outside.now, claim);
  }

  commit(): void {
    if (this.#group.empty || this.#failed !== undefined) return;
    let group = this.#group;
    this.#group = new Group();
    let changes = this.state.changes();
    let payloads: readonly StoredPayload[];
    try {
      try {
        payloads = this.#writer.write(changes);
      } catch (error) {
        if (!(error instanceof StorageFullError)) throw error;
        this.#waitForRoom();
        group = this.#decideWithoutPuts(group, error);
        changes = this.state.changes();
        try {
          payloads = this.#writer.write(changes, { reserve: true });
        } catch (stillFull) {
          if (!(stillFull instanceof StorageFullError)) throw stillFull;
          return this.#hold(group, error);
        }
      }
    } catch (error) {
      group.fail(error as Error);
      // Waiting replies have written frames, so for them this error does not mean "not stored".
      this.#fail(error as Error);
      return;
    }
    this.state.keepChanges();
    const { jobs } = changes;
    const { lsn } = this.#journal;
    if (payloads.length + jobs.length > 0) this.#unsynced.push({ lsn, payloads, jobs });
    const released = group.behind('synced');
    const { effects, replies } = released;
    if (effects.length > 0 || replies.length > 0) this.#waiting.push({ lsn, released });
    const isUnsynced = lsn > this.#journal.syncedLsn;
    const isAwaited = replies.length > 0 || effects.some((effect) => this.#owner.awaits(effect));
    const isDue = isAwaited || this.#journal.bytesWritten - this.#bytesBeforeSync > lazySyncBytes;
    // The device works while the runs are passed on.
    if (isUnsynced && isDue) this.#wantSync();
    this.#release(group.behind('decided'));
    this.#release(group.behind('written'));
    if (!isUnsynced) this.#wantSync();
    else if (!isDue) {
      this.#lazySync ??= this.#pace.after(lazySyncMs, () => {
        this.#lazySync = undefined;
        this.#wantSync();
      });
    }
    this.#snapshots.written();
  }

  get nextTimer(): number | undefined {
    return this.state.nextTimer;
  }

  takePuts(): readonly Puts[] {
    return this.state.takePuts();
  }

  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>, gate: 'decided' | 'synced' = 'synced'): void {
    const { error, seen } = lookAt(this, look);
    if (gate === 'decided') tell(error, seen);
    else this.#whenDurable((failed) => tell(failed ?? error, seen));
  }

  judge(job: JobRecord, verdicts: string): void {
    this.state.judge(job, verdicts);
  }

  survey(tell: Tell<Records>): void {
    tell(undefined, this);
  }

  /**
   * Takes a snapshot, due or not. Resolves when it is published, failed, or was not possible now.
   */
  takeSnapshot(): Promise<void> {
    return this.#snapshots.take();
  }

  snapshotEnded(): Promise<void> {
    return this.#snapshots.ended();
  }

  /** Bytes of log that were replayed when the store was opened. */
  get replayedBytes(): number {
    return this.#journal.report.bytes;
  }

  bytes(payload: Payload): Uint8Array {
    try {
      return (payload as StoredPayload).bytes ?? this.#writer.read(payload as StoredPayload);
    } catch (error) {
      if (!(error instanceof JournalCorruptError || error instanceof ClosedError)) this.#fail(error as Error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#snapshots?.stop();
    this.commit();
    this.#commitHeld();
    // Commands still held were never kept: the next `open` finds the state before them.
    const full = new StorageFullError(`the disk of ${this.#directory} is full`);
    for (const { reply } of this.#held.splice(0)) reply?.(full);
    this.#lookForRoom?.();
    this.#lazySync?.();
    await new Promise<void>((resolve) => this.#whenDurable(() => resolve()));
    await this.#journal?.close();
  }

  /** On a full disk: refuses commands that take room, decides the others for the reserve. */
  #decideWithoutPuts(group: Group, full: StorageFullError): Group {
    this.#snapshots.giveUp();
    this.state.rollback(0);
    const again = new Group();
    const outside = this.#outside.look();
    for (const asked of group.asked) {
      if (takesRoom.has(asked.command.type)) again.refuse(asked, full);
      else again.decide(this.state, asked, outside);
    }
    return again;
  }

  /**
   * On a full disk, when the reserve cannot take the whole group: commits the commands one by one,
   * and holds those that still do not fit until there is room. Claims are dropped, since the
   * coordinator makes them again.
   */
  #hold({ asked }: Group, full: StorageFullError): void {
    this.state.rollback(0);
    const refused = new Group();
    const rest: Asked[] = [];
    for (const one of asked) {
      if (takesRoom.has(one.command.type)) refused.refuse(one, full);
      else if (one.command.type !== 'claim') rest.push(one);
    }
    for (const gate of gates) this.#release(refused.behind(gate));
    if (rest.length > 1) for (const one of rest) this.#commitAlone(one);
    else this.#held.push(...rest);
  }

  #commitAlone(asked: Asked): void {
    this.transact(asked);
    this.commit();
  }

  #commitHeld(): void {
    for (const one of this.#held.splice(0)) this.#commitAlone(one);
  }

  #waitForRoom(): void {
    this.#lookForRoom ??= this.#pace.after(lookForRoomMs, () => {
      this.#lookForRoom = undefined;
      try {
        if (!this.#journal.findRoom()) this.#waitForRoom();
      } catch (error) {
        return this.#fail(error as Error);
      }
      this.#commitHeld();
      if (this.takesWork) this.#owner.changed(false, []);
    });
  }

  /** Calls back when everything decided so far is on the disk. */
  #whenDurable(then: (error?: Error) => void): void {
    this.commit();
    if (this.#failed !== undefined) return then(this.#failed);
    this.#waiting.push({
      lsn: this.#journal.lsn,
      released: { effects: [], replies: [{ tell: then, error: undefined, same: undefined }] },
    });
    this.#wantSync();
  }

  /** Syncs everything written so far: now, or when those in flight have ended. */
  #wantSync(): void {
    this.#wantedLsn = this.#journal.lsn;
    this.#sync();
  }

  #sync(): void {
    if (this.#failed !== undefined) return;
    const { lsn, syncedLsn } = this.#journal;
    if (this.#syncs > 0) {
      const isShared = this.#syncs > 1 || this.state.isAnyWithAgent;
      if (this.#wantedLsn > this.#begunLsn && !isShared) this.#begin(lsn, true);
    } else if (lsn === syncedLsn) this.#releaseSynced(lsn);
    else this.#begin(lsn, false);
  }

  #begin(lsn: number, beside: boolean): void {
    this.#syncs++;
    this.#begunLsn = lsn;
    this.#bytesBeforeSync = this.#journal.bytesWritten;
    const beganAt = performance.now();
    const sync = beside ? this.#journal.syncBeside() : this.#journal.sync();
    sync.then(
      (syncedLsn) => {
        this.#syncs--;
        const lastSyncMs = performance.now() - beganAt;
        this.#syncTimes = { lastSyncMs, longestSyncMs: Math.max(lastSyncMs, this.#syncTimes.longestSyncMs) };
        this.#releaseSynced(syncedLsn);
        if (this.#wantedLsn > syncedLsn) this.#sync();
      },
      (error) => {
        this.#syncs--;
        this.#fail(error);
      },
    );
  }

  #releaseSynced(lsn: number): void {
    let count = 0;
    while (count < this.#waiting.length && this.#waiting[count]!.lsn <= lsn) count++;
    for (const { released } of this.#waiting.splice(0, count)) this.#release(released);
    count = 0;
    while (count < this.#unsynced.length && this.#unsynced[count]!.lsn <= lsn) count++;
    for (const { payloads, jobs } of this.#unsynced.splice(0, count)) {
      this.#writer.evict(payloads);
      this.state.pack(jobs);
    }
    this.#snapshots.synced();
  }

  #release({ effects, replies }: Released): void {
    for (const { tell, error, same } of replies) tell(error, same);
    if (effects.length > 0) this.#owner.release(effects);
  }

  #fail(error: Error): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    this.#lazySync?.();
    this.#lookForRoom?.();
    this.#snapshots.giveUp();
    for (const { reply } of this.#held.splice(0)) reply?.(error);
    for (const { released } of this.#waiting) for (const { tell } of released.replies) tell(error);
    this.#waiting = [];
    this.#group.fail(error);
    this.#group = new Group();
    this.#owner.fatal(error);
  }
}
