/**
 * A planted bug: a patch to a copy of the sources, and the lines of the contract whose tests must
 * notice it.
 */
export interface Mutant {
  /** What is wrong with it, in a few words. */
  readonly bug: string;
  /** A test with one of these tags must fail. */
  readonly tags: readonly string[];
  /**
   * Where those tests are, from `test/` on; in the core's tests and the contract's virtual ones by
   * default.
   */
  readonly tests?: readonly string[];
  /**
   * The declaration that holds `find`, as `core/job.ts#remove` or
   * `core/state/lanes.ts#Lanes.first`, from `src/` on; the file alone where the text stands outside
   * of any.
   */
  readonly in: string;
  /** Stands in the declaration exactly once, whatever white space and comments are within. */
  readonly find: string;
  /** Takes the place of `find`. */
  readonly replace: string;
}
