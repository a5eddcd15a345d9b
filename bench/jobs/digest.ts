/** A small file's SHA-256 and the length of its gzip. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

export default function digest(path: string): string {
  const bytes = readFileSync(path);
  return `${createHash('sha256').update(bytes).digest('hex')} ${gzipSync(bytes).length}`;
}
