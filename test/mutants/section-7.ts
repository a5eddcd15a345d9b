/** Planted bugs against section 7 of the contract: composition. */
import type { Mutant } from './mutant.js';

export const section7: readonly Mutant[] = [
  {
    bug: 'the parts of a serial run at the same time',
    tags: ['7.1'],
    file: 'core/composite.ts',
    find: "  if (whole.form === 'serial') return putNext(decision, whole, 0);\n",
    replace: '',
  },
  {
    bug: 'serial goes on before a part’s callbacks are done',
    tags: ['7.1'],
    file: 'core/composite.ts',
    find: "part.outcome === 'none' || part.callbacksDone < part.awaitedCallbacks",
    replace: "part.outcome === 'none'",
  },
  {
    bug: 'parts added to a running parallel are not put in line',
    tags: ['7.2'],
    file: 'core/composite.ts',
    find: "if (whole.stage === 'waiting' && whole.form === 'parallel') enqueue(decision, part);",
    replace: '',
  },
  {
    bug: 'parts added too late are lost',
    tags: ['7.2'],
    file: 'core/composite.ts',
    find: "if (!open || whole.outcome !== 'none')\n    throw new JobStatusError('parts can be added to a serial or parallel before its last part is done');",
    replace: 'if (!open) return;',
  },
  {
    bug: 'an interrupted postprocess begins with the parts again',
    tags: ['7.3'],
    file: 'core/job.ts',
    find: "    if (row.form === 'call') row.status = 'pending';\n    row.stage = 'call';",
    replace:
      "    if (row.form === 'call') row.status = 'pending';\n    row.stage = row.form === 'call' ? 'call' : 'parts';",
  },
  {
    bug: 'each part that is done rewrites all others',
    tags: ['7.5'],
    file: 'core/composite.ts',
    find: '    row.partsDone++;\n  });',
    replace: '    row.partsDone++;\n  });\n  for (const other of state.parts(whole)) state.change(other, () => {});',
  },
  {
    bug: 'parts stay behind when their whole ends',
    tags: ['7.1'],
    file: 'core/job.ts',
    find: '  if (isWhole(job)) endParts(decision, job);',
    replace: '',
  },
  {
    bug: 'items are taken without regard to those under way',
    tags: ['7.4'],
    file: 'runtime/feeder.ts',
    find: 'return this.#stopped ? 0 : concurrency - (this.#taken - this.#done);',
    replace: 'return this.#stopped ? 0 : 256;',
  },
  {
    bug: 'a map that is put again begins with the first item',
    tags: ['7.4'],
    file: 'runtime/feeder.ts',
    find: "    if (typeof items === 'function') return;",
    replace: '    if (this.#taken >= 0) return;',
  },
  {
    bug: 'a chunk’s items are never forgotten',
    tags: ['7.4'],
    file: 'core/map.ts',
    find: '  if (list !== null) decision.state.forgetParts(chunk);',
    replace: '',
  },
  {
    bug: 'an iterator is left as it is when nobody wants more of it',
    tags: ['7.4'],
    file: 'runtime/feeder.ts',
    find: 'const returned = this.#iterator?.return?.();',
    replace: 'const returned = undefined;',
  },
  {
    bug: 'a map whose iterable throws ends as if that were its end',
    tags: ['7.4'],
    file: 'core/map.ts',
    find: "  if (failure !== null) return conclude(decision, map, 'failure', failure);",
    replace: '',
  },
  {
    bug: 'a long list is handed over in one piece',
    tags: ['7.5'],
    file: 'protocol/completed-jobs.ts',
    find: 'if (at < this.#piece.from || at >= this.#piece.end) this.#piece = this.#fetch!(at);',
    replace: '',
  },
  {
    bug: 'an iterator that gives no objects is asked for ever',
    tags: ['7.4'],
    file: 'runtime/feeder.ts',
    find: 'if (Object(result) !== result)',
    replace: 'if (result === undefined)',
  },
  {
    bug: 'a part that waits for its date has not had its turn',
    tags: ['7.1'],
    file: 'core/job.ts',
    find: '    row.dueAt = row.beginAfter;\n    // Whatever becomes of it before its date, it has had its turn (`notePart`).\n    row.eligible = state.nextPosition();',
    replace: '    row.dueAt = row.beginAfter;',
  },
  {
    bug: 'a part that ended before its turn does not pass the turn on',
    tags: ['7.1'],
    file: 'core/composite.ts',
    find: "  if (next.outcome === 'none') return enqueue(decision, next);",
    replace:
      "  if (next.outcome === 'none') return enqueue(decision, next);\n  if (next.outcome === 'failure') return;",
  },
];
