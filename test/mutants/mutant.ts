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
  /** The file, from `src/` on. */
  readonly file: string;
  /** Stands in the file just once. */
  readonly find: string;
  readonly replace: string;
}
