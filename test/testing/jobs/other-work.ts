/** A module for a name that another kit uses for another file. */
export const add = (_a: number, _b: number): string => 'another file';
