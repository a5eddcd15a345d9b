/**
 * Patterns of names of queues and callables: `*` stands for any text, also none. A backslash takes
 * the star or the backslash behind it as it is. All else is itself.
 */

/** Returns a test of a name. Several patterns fit what one of them fits. */
export function nameMatcher(names: string | readonly string[] | undefined): (name: string) => boolean {
  if (names === undefined) return () => true;
  const patterns = (typeof names === 'string' ? [names] : names).map(patternOf);
  return (name) => patterns.some((pattern) => fits(name, pattern));
}

/** Returns the pattern that only this name fits. */
export const exactly = (name: string): string => name.replaceAll(/[\\*]/g, '\\$&');

/** Returns the only name that fits; undefined if the pattern has a star. */
export function onlyName(pattern: string): string | undefined {
  const [name, ...others] = textsOf(pattern);
  return others.length === 0 ? name : undefined;
}

/** The texts of a name between its stars. Without a star, `end` is undefined. */
interface Pattern {
  readonly begin: string;
  readonly between: readonly string[];
  readonly end: string | undefined;
}

function patternOf(text: string): Pattern {
  const [begin, ...between] = textsOf(text);
  return { begin: begin!, end: between.pop(), between };
}

function textsOf(pattern: string): string[] {
  const texts = [''];
  for (const [one, taken] of pattern.matchAll(/\\([\\*])|[\s\S]/g)) {
    if (one === '*') texts.push('');
    else texts.push(texts.pop()! + (taken ?? one));
  }
  return texts;
}

/**
 * `true` if the name has these texts in order. The first place of each text is taken, which never
 * has to be taken back, so the time does not grow with the number of stars.
 */
function fits(name: string, { begin, between, end }: Pattern): boolean {
  if (end === undefined) return name === begin;
  if (!name.startsWith(begin)) return false;
  let at = begin.length;
  for (const text of between) {
    const found = name.indexOf(text, at);
    if (found < 0) return false;
    at = found + text.length;
  }
  return name.endsWith(end) && at <= name.length - end.length;
}
