/** Items as parsers of the input give them. */

/** An item as it was read, before it has a number. */
export interface ReadItem {
  /** The argument of the function. */
  readonly value: unknown;
  /** The same as JSON. */
  readonly json: string;
  /** Where it is in the input, for messages. */
  readonly place: string;
  /** Why it is no item: it fails without a run. */
  readonly problem?: string;
}

/** Takes a piece of the input, `undefined` at its end, and returns the items that it completes. */
export type Parser = (chunk: Buffer | undefined) => readonly ReadItem[] | Promise<readonly ReadItem[]>;
