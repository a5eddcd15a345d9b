/** A pool whose threads return each job's arguments as its result, in the next turn of the loop. */
import { NoPool } from '../../src/coordinator/pool/no-pool.js';
import type { PoolOwner, Run, ThreadLoad } from '../../src/coordinator/pool/pool-port.js';
import type { RunReport } from '../../src/protocol/board.js';

const noBytes = new Uint8Array(0);
const none: readonly never[] = [];

export class InstantPool extends NoPool {
  override readonly size: number;
  override readonly mostThreads: number;
  readonly #owner: PoolOwner;
  readonly #given: (readonly Run[])[][];
  /** One object for all, as that of a board. */
  readonly #report: { -readonly [Field in keyof RunReport]: RunReport[Field] } = {
    ...{ slot: 0, kind: 'value', startedAt: 0, ranMs: 0 },
    ...{ payload: noBytes, note: '', inner: noBytes },
  };
  #isDue = false;
  override out = 0;

  constructor(owner: PoolOwner, threads: number) {
    super();
    this.#owner = owner;
    this.size = threads;
    this.mostThreads = threads;
    this.#given = Array.from({ length: threads }, () => []);
  }

  override loads(): readonly ThreadLoad[] {
    return this.#given.map((batches, index) => ({
      thread: index + 1,
      batches: Math.min(2, batches.length),
      agents: batches.length === 0 ? none : [batches[0]![0]!.agent],
    }));
  }

  override start(thread: number, runs: readonly Run[]): boolean {
    this.#given[thread - 1]!.push(runs);
    this.out += runs.length;
    if (!this.#isDue) setImmediate(() => this.#answer());
    this.#isDue = true;
    return true;
  }

  #answer(): void {
    this.#isDue = false;
    const report = this.#report;
    report.startedAt = Date.now();
    for (const batches of this.#given) {
      for (const runs of batches.splice(0)) {
        this.out -= runs.length;
        // One copy for all, as a board makes it.
        const copy = new Uint8Array(runs.reduce((bytes, { args }) => bytes + args!.byteLength, 0));
        let at = 0;
        for (const run of runs) {
          const { byteLength } = run.args!;
          copy.set(run.args!, at);
          report.payload = new Uint8Array(copy.buffer, at, byteLength);
          at += byteLength;
          this.#owner.settled(run, report);
        }
      }
    }
    this.#owner.turn();
  }
}
