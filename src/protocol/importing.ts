/** Failures of importing a job module: it takes too long, or has a syntax error. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Rejects if the import takes longer than `importMs`: a top-level await may never end. */
export function withinTime<T>(importMs: number, imported: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(tooLong(importMs)));
    }, importMs);
    imported.then(resolve, reject).finally(() => clearTimeout(late));
  });
}

const tooLong = (importMs: number) =>
  `its import did not end within ${importMs} ms (importMs): its top level, or that of a module it imports, loops or waits for something that never comes`;

/**
 * Adds the place of a syntax error, which is not in its stack. Node prints it only for a file that
 * it runs or checks, so `node --check` is run on the file.
 */
export function importError(error: unknown, url: string): unknown {
  if (!(error instanceof SyntaxError) || error.stack?.startsWith('SyntaxError') !== true) return error;
  const shown = shownByNode(url);
  if (shown !== undefined) error.stack = shown;
  return error;
}

const checkMs = 5_000;

function shownByNode(url: string): string | undefined {
  try {
    const { stderr } = spawnSync(process.execPath, ['--check', fileURLToPath(url)], {
      encoding: 'utf8',
      timeout: checkMs,
    });
    const end = stderr.indexOf('\n\nNode.js v');
    return stderr.includes('SyntaxError') ? stderr.slice(0, end < 0 ? undefined : end) : undefined;
  } catch {
    return undefined;
  }
}
