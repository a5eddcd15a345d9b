/**
 * The place at which an error was thrown, among the names of a failure. It begins so that no name
 * of an error is like it.
 */
export const frameSign = 'at ';

export const isFrame = (name: string) => name.startsWith(frameSign);
