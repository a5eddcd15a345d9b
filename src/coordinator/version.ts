/** The version of this package. */
import { readFileSync } from 'node:fs';

let known: string | undefined;

export function ownVersion(): string {
  known ??= versionAbove(new URL('.', import.meta.url));
  return known;
}

/** Looks in each folder above, because a bundle may have moved this code. */
function versionAbove(folder: URL): string {
  try {
    const { name, version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as Package;
    if (name === 'callsheet' && version !== undefined) return version;
  } catch {
    // This folder has no package.json.
  }
  const above = new URL('..', folder);
  return above.href === folder.href ? 'unknown' : versionAbove(above);
}

interface Package {
  readonly name?: string;
  readonly version?: string;
}
