/**
 * Rejects a Node that is too old, before anything else of callsheet is evaluated. Must not import
 * anything but the errors.
 */
import { NodeTooOldError } from '../errors.js';

const needed = [20, 19] as const;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  throw new NodeTooOldError(`callsheet needs Node ${needed.join('.')} or later; this is ${process.version}`);
}
