/**
 * A job as the state keeps it: the one object that is changed in place, with the notes of the
 * indices. All other code sees it as a `JobRecord`, which is read-only.
 *
 *   JobRow, one for each job
 *     id, eligible, args, putAtHigh    fields that differ in nearly every job
 *     bits                             status, stage, level, queued, low bits of putAt; whether
 *                                      `common` and `run` are its own; yes-or-no notes
 *     common ────────▶ CommonFields    one object for all jobs that were put alike
 *     run ───────────▶ RunFields       `noRun` for all jobs that were never claimed
 *     logged, lane, lanePosition       notes that most jobs have
 *     #notes ────────▶ Notes           `unnoted` for all jobs without a timer, members, ...
 *
 * `CompactJob` is the part of it that is stored. A shared object is copied before the first write.
 */

import { none } from './common-fields.js';
import { CompactJob, firstNoteBit } from './compact-job.js';
import type { Lane, Queued } from './lanes.js';

/** The places of a job in the indices that few jobs are in. */
interface Notes {
  /** Members that name this job as their parent, by index. */
  partRows: JobRow[];
  callbackRows: JobRow[];
  timerAt: number;
  timerPosition: number;
  inPlaces: readonly string[];
  inInner: string;
  inUnique: string;
  inCalledBack: string;
  isDated: boolean;
}

const unnoted: Readonly<Notes> = {
  partRows: none,
  callbackRows: none,
  timerAt: 0,
  timerPosition: -1,
  inPlaces: none,
  inInner: '',
  inUnique: '',
  inCalledBack: '',
  isDated: false,
};

const isThere = firstNoteBit;
const isUnfinished = isThere << 1;
const isWithAgent = isThere << 2;
const isAtWork = isThere << 3;
const isOfFailed = isThere << 4;
// The four highest bits hold the cell of the job's tally. It still is a small integer for V8.
const tallyShift = 28;
const tallyBits = 0xf << tallyShift;

/** `restore` changes the record only, not the notes. */
export class JobRow extends CompactJob implements Queued {
  /** The index in the change log, if the log has the row. */
  logged = 0;
  lane: Lane | undefined = undefined;
  /** Valid only while the job is in a lane. A completed root has its seat here. */
  lanePosition = -1;
  #notes: Notes = unnoted;

  /** `true` while the job is remembered. */
  get isThere(): boolean {
    return (this.bits & isThere) !== 0;
  }

  set isThere(there: boolean) {
    this.bits = there ? this.bits | isThere : this.bits & ~isThere;
  }

  get isUnfinished(): boolean {
    return (this.bits & isUnfinished) !== 0;
  }

  set isUnfinished(unfinished: boolean) {
    this.bits = unfinished ? this.bits | isUnfinished : this.bits & ~isUnfinished;
  }

  /**
   * `true` if an agent has the job: that of its record, which changes only while this is `false`.
   */
  get isWithAgent(): boolean {
    return (this.bits & isWithAgent) !== 0;
  }

  set isWithAgent(isWith: boolean) {
    this.bits = isWith ? this.bits | isWithAgent : this.bits & ~isWithAgent;
  }

  get isAtWork(): boolean {
    return (this.bits & isAtWork) !== 0;
  }

  set isAtWork(atWork: boolean) {
    this.bits = atWork ? this.bits | isAtWork : this.bits & ~isAtWork;
  }

  /** `true` if the job is completed, and is forgotten with the failed root above it. */
  get isOfFailed(): boolean {
    return (this.bits & isOfFailed) !== 0;
  }

  set isOfFailed(isOf: boolean) {
    this.bits = isOf ? this.bits | isOfFailed : this.bits & ~isOfFailed;
  }

  /** The cell of its tally in which the job is counted; 0 for none. */
  get tallyCell(): number {
    return this.bits >>> tallyShift;
  }

  set tallyCell(cell: number) {
    this.bits = (this.bits & ~tallyBits) | (cell << tallyShift);
  }

  /** Valid only for a completed root; see `Seats`. */
  get seat(): number {
    return this.lanePosition;
  }

  set seat(seat: number) {
    this.lanePosition = seat;
  }

  get partRows(): JobRow[] {
    return this.#notes.partRows;
  }

  set partRows(rows: JobRow[]) {
    this.ownNotes.partRows = rows;
  }

  get callbackRows(): JobRow[] {
    return this.#notes.callbackRows;
  }

  set callbackRows(rows: JobRow[]) {
    this.ownNotes.callbackRows = rows;
  }

  get timerAt(): number {
    return this.#notes.timerAt;
  }

  set timerAt(time: number) {
    if (time !== this.#notes.timerAt) this.ownNotes.timerAt = time;
  }

  get timerPosition(): number {
    return this.#notes.timerPosition;
  }

  set timerPosition(position: number) {
    if (position !== this.#notes.timerPosition) this.ownNotes.timerPosition = position;
  }

  get inPlaces(): readonly string[] {
    return this.#notes.inPlaces;
  }

  set inPlaces(places: readonly string[]) {
    if (places !== this.#notes.inPlaces) this.ownNotes.inPlaces = places;
  }

  get inInner(): string {
    return this.#notes.inInner;
  }

  set inInner(id: string) {
    this.ownNotes.inInner = id;
  }

  get inUnique(): string {
    return this.#notes.inUnique;
  }

  set inUnique(key: string) {
    this.ownNotes.inUnique = key;
  }

  get inCalledBack(): string {
    return this.#notes.inCalledBack;
  }

  set inCalledBack(agent: string) {
    this.ownNotes.inCalledBack = agent;
  }

  get isDated(): boolean {
    return this.#notes.isDated;
  }

  set isDated(dated: boolean) {
    this.ownNotes.isDated = dated;
  }

  // Private to TypeScript only: a `#` accessor would cost each row a field.
  private get ownNotes(): Notes {
    if (this.#notes === unnoted) this.#notes = { ...unnoted };
    return this.#notes;
  }
}
