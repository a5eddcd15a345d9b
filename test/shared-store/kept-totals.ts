/** The completed roots of each kind, counted as rows come and go. */
import type { Id } from '../../src/core/records.js';
import type { Kept } from '../../src/core/state/completed.js';
import type { Columns } from '../../src/store/shared/columns.js';
import type { KeptCount } from '../../src/store/shared/database.js';

interface Tree {
  root: Columns | undefined;
  bytes: number;
}

const kindOf = ({ root }: Tree): Kept => (root?.failed ? 'failed' : 'succeeded');

export class KeptTotals {
  readonly #trees = new Map<Id, Tree>();
  readonly #sums = { succeeded: { count: 0, bytes: 0 }, failed: { count: 0, bytes: 0 } };
  /** Undefined if it must be looked for. */
  readonly #oldest = new Map<Kept, number | undefined>();

  /** A row of this tree has changed; `before` or `now` is undefined for one that came or went. */
  move(root: Id, isRoot: boolean, before: Columns | undefined, now: Columns | undefined): void {
    const tree = this.#trees.get(root) ?? { root: undefined, bytes: 0 };
    this.#add(tree, -1);
    tree.bytes += (now?.completedBytes ?? 0) - (before?.completedBytes ?? 0);
    if (isRoot) tree.root = now;
    // The members of a root that is gone follow it.
    if (isRoot && now === undefined) this.#trees.delete(root);
    else if (now !== undefined || this.#trees.has(root)) {
      this.#trees.set(root, tree);
      this.#add(tree, 1);
    }
  }

  #add(tree: Tree, by: 1 | -1): void {
    const kind = kindOf(tree);
    this.#sums[kind].bytes += by * tree.bytes;
    const { completedAt = 0, awaited = false } = tree.root ?? {};
    if (completedAt === 0) return;
    this.#sums[kind].count += by;
    const oldest = this.#oldest.get(kind);
    if (by === -1 && completedAt === oldest) this.#oldest.delete(kind);
    else if (by === 1 && !awaited && this.#oldest.has(kind))
      this.#oldest.set(kind, Math.min(completedAt, oldest ?? completedAt));
  }

  of(kept: Kept): KeptCount {
    return { ...this.#sums[kept], oldestAt: this.#oldestOf(kept) };
  }

  #oldestOf(kept: Kept): number | undefined {
    if (this.#oldest.has(kept)) return this.#oldest.get(kept);
    let oldest: number | undefined;
    for (const tree of this.#trees.values()) {
      const { completedAt = 0, awaited = false } = tree.root ?? {};
      if (completedAt === 0 || awaited || kindOf(tree) !== kept) continue;
      oldest = Math.min(completedAt, oldest ?? completedAt);
    }
    this.#oldest.set(kept, oldest);
    return oldest;
  }
}
