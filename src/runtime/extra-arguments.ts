/** Refuses arguments that a method does not have: an option there would be ignored in silence. */
import { invalidOption } from '../errors.js';

type Method = (...given: unknown[]) => Promise<unknown>;

/** Makes each of these methods of `target` refuse more arguments than `most` says. */
export function refuseExtra<Target extends object>(target: Target, most: { readonly [name in keyof Target]: number }) {
  for (const [name, count] of Object.entries<number>(most)) {
    const method = target[name as keyof Target] as Method;
    const value: Method = async (...given) => {
      if (given.length > count) {
        const rule = `must be left out: \`${name}\` has ${count === 0 ? 'no arguments' : `at most ${count}`}`;
        throw invalidOption(`arguments[${count}]`, rule, given[count]);
      }
      return method.apply(target, given);
    };
    Object.defineProperty(target, name, { value });
  }
}
