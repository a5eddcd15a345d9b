/**
 * A store that only reads a journal, without its lock: as it is, or as it was at a time. It refuses
 * every command, and modifies nothing on the disk.
 */

import { idToText } from '../../codec/id.js';
import type { JobRecord, Payload } from '../../core/records.js';
import { State } from '../../core/state/state.js';
import type { Puts } from '../../core/state/tallies.js';
import { JobForgottenError, JournalCorruptError, NoOwnerError } from '../../errors.js';
import { machineDisk } from '../../journal/disk.js';
import { type EntryReader, entriesIn } from '../../journal/entry-reader.js';
import type { Entry, Position } from '../../journal/journal.js';
import { type PastTimes, readPast, type TimedReplay } from '../../journal/past.js';
import { readLog } from '../../journal/recovery.js';
import { surveyJournal } from '../../journal/survey.js';
import { lookAt } from '../look-at.js';
import { type Asked, noFigures, type Records, type Store, type StoreFigures, type Tell } from '../store.js';
import { payloadHeadBytes } from './entries.js';
import { RecordReader } from './record-reader.js';
import { StoredPayload } from './stored-payload.js';

export class JournalReader implements Store {
  /** An owner may open the journal at any time. */
  readonly isExclusive = false;
  readonly isShared = false;
  readonly hears = false;
  readonly isSyncing = false;
  readonly takesWork = true;
  readonly payload = StoredPayload.of;
  readonly state: State;
  readonly view: State;
  readonly local: State;
  /** Nothing changes with time. */
  readonly nextTimer: undefined;
  /** From when to when the journal goes. Set by `open`. */
  times: PastTimes = { from: 0, to: 0 };
  readonly #directory: string;
  readonly #at: number | undefined;
  readonly #entries: EntryReader;
  readonly #timed: TimedReader;

  /** Reads the journal in an absolute path as it was `at` a time; without one, as it is. */
  constructor(directory: string, at: number | undefined) {
    this.#directory = directory;
    this.#at = at;
    this.#timed = new TimedReader();
    this.state = this.#timed.state;
    this.view = this.state;
    this.local = this.state;
    this.#entries = entriesIn(machineDisk, directory);
  }

  get figures(): StoreFigures {
    return noFigures;
  }

  async open(): Promise<void> {
    if (this.#at !== undefined) {
      this.times = readPast(this.#directory, this.#at, this.#timed, () => new TimedReader());
    } else {
      surveyJournal(machineDisk, this.#directory);
      readLog(machineDisk, this.#directory, this.#timed);
      this.times = { from: this.#timed.first, to: this.#timed.last };
    }
    this.state.loaded();
  }

  transact({ reply, refused, command }: Asked): void {
    const error = new NoOwnerError(`no process has ${this.#directory} open, so nothing can be changed`);
    if (reply !== undefined) reply(error);
    else refused?.(error, command);
  }

  commit(): void {}

  takePuts(): readonly Puts[] {
    return [];
  }

  read<T>(look: (records: Records) => T, tell: Tell<NoInfer<T>>): void {
    const { error, seen } = lookAt(this, look);
    tell(error, seen);
  }

  survey(tell: Tell<Records>): void {
    tell(undefined, this);
  }

  /** It runs nothing. */
  claim(): void {}

  judge(): void {}

  bytes(payload: Payload): Uint8Array {
    const { bytes, position, isLost, owner } = payload as StoredPayload;
    if (bytes !== null) return bytes;
    if (isLost) throw new JournalCorruptError(this.#directory, 0, 0, `a payload of job ${idToText(owner)} is lost`);
    try {
      return this.#entries.read(position).subarray(payloadHeadBytes);
    } catch (cause) {
      if (this.#at === undefined || !(cause instanceof JournalCorruptError)) throw cause;
      throw new JobForgottenError('the bytes are no longer kept: the job was forgotten since then', { cause });
    }
  }

  async close(): Promise<void> {
    this.#entries.close();
  }
}

/** Loads records, and tells their times. */
class TimedReader implements TimedReplay {
  time = 0;
  /** The first and the last time so far. */
  first = 0;
  last = 0;
  readonly state: State;
  readonly #reader: RecordReader;

  constructor() {
    this.state = new TimedState((time) => {
      this.time = Math.max(this.time, time);
    });
    this.#reader = new RecordReader(this.state);
  }

  segment(): void {
    this.#reader.segment();
  }

  entry(entry: Entry, at: Position, lsn: number): void {
    this.time = 0;
    this.#reader.entry(entry, at, lsn);
    this.first ||= this.time;
    this.last = Math.max(this.last, this.time);
  }

  end(segments: ReadonlySet<number>): Position | undefined {
    return this.#reader.end(segments);
  }
}

/** Tells the times of the records that it loads. */
class TimedState extends State {
  readonly #tell: (time: number) => void;

  constructor(tell: (time: number) => void) {
    super();
    this.#tell = tell;
  }

  override load(record: JobRecord): void {
    super.load(record);
    this.#tell(Math.max(record.putAt, record.lastStartAt, record.endAt, record.completedAt));
  }
}
