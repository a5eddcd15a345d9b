/**
 * A job as the state keeps it: the one object that is changed in place, with what the indices note about it.
 *
 * Everybody else sees it as a `JobRecord`, which cannot be written to. What the indices note of few jobs is in an object beside it, which
 * all others share.
 */
import { JobFields } from './job-fields.js';
import { none } from './job-rare.js';
import type { Lane, Queued } from './lanes.js';

/** Where the indices have a job beside its lane and its agent, which few jobs need to note. */
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

/** A job in the state, with what the indices note about it; `restore` leaves that alone. */
export class JobRow extends JobFields implements Queued {
  /** The number of the last command that changed it, and of the last group. */
  command = 0;
  group = 0;
  /** The group in which there is a way back for it. */
  notedIn = 0;
  /** The group that it came with; and whether it is remembered. */
  insertedIn = 0;
  isThere = false;
  // Where the indices have it now.
  lane: Lane | undefined = undefined;
  lanePosition = -1;
  inAgent = '';
  isUnfinished = false;
  #notes: Notes = unnoted;

  get partRows(): JobRow[] {
    return this.#notes.partRows;
  }

  set partRows(rows: JobRow[]) {
    this.#noted().partRows = rows;
  }

  get callbackRows(): JobRow[] {
    return this.#notes.callbackRows;
  }

  set callbackRows(rows: JobRow[]) {
    this.#noted().callbackRows = rows;
  }

  get timerAt(): number {
    return this.#notes.timerAt;
  }

  set timerAt(time: number) {
    if (time !== this.#notes.timerAt) this.#noted().timerAt = time;
  }

  get timerPosition(): number {
    return this.#notes.timerPosition;
  }

  set timerPosition(position: number) {
    if (position !== this.#notes.timerPosition) this.#noted().timerPosition = position;
  }

  get inPlaces(): readonly string[] {
    return this.#notes.inPlaces;
  }

  set inPlaces(places: readonly string[]) {
    if (places !== this.#notes.inPlaces) this.#noted().inPlaces = places;
  }

  get inInner(): string {
    return this.#notes.inInner;
  }

  set inInner(id: string) {
    this.#noted().inInner = id;
  }

  get inUnique(): string {
    return this.#notes.inUnique;
  }

  set inUnique(key: string) {
    this.#noted().inUnique = key;
  }

  get inCalledBack(): string {
    return this.#notes.inCalledBack;
  }

  set inCalledBack(agent: string) {
    this.#noted().inCalledBack = agent;
  }

  get isDated(): boolean {
    return this.#notes.isDated;
  }

  set isDated(dated: boolean) {
    this.#noted().isDated = dated;
  }

  #noted(): Notes {
    if (this.#notes === unnoted) this.#notes = { ...unnoted };
    return this.#notes;
  }
}
