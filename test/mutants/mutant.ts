/**
 * A planted bug: a change to a copy of the sources, and the lines of the contract whose tests must
 * notice it.
 */
export interface Mutant {
  /** The wrong behaviour, as a sentence. */
  readonly bug: string;
  /** A test with one of these tags must fail. */
  readonly tags: readonly string[];
  /**
   * The files of those tests, from `test/` on. Default: the core's tests and the contract's virtual
   * ones.
   */
  readonly tests?: readonly string[];
  /**
   * The declaration that holds `find`, as `core/job.ts#remove` or
   * `core/state/lanes.ts#Lanes.first`, from `src/` on. The file alone if the text stands outside of
   * any declaration.
   */
  readonly in: string;
  /** Stands in the declaration exactly once; white space and comments in between are ignored. */
  readonly find: string;
  /** Takes the place of `find`. */
  readonly replace: string;
}
