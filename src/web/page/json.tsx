/** Types of data that came as JSON. */

/** A value after its way as JSON: dates are ISO texts. */
export type Json<T> = T extends Date ? string : T extends object ? { readonly [Name in keyof T]: Json<T[Name]> } : T;
