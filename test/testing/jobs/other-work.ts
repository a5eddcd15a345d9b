/** Another module, registered under a name that is taken elsewhere. */
export const add = (_a: number, _b: number): string => 'another file';
