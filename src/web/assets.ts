/** The files of the page, which the build makes of `page/`. They hold no data, so all may read. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { escapeHtml, iconLink } from './html.js';

interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

const places = {
  'page.js': new URL('./assets/page.js', import.meta.url),
  'page.css': new URL('./assets/page.css', import.meta.url),
};
const types = { 'page.js': 'text/javascript; charset=utf-8', 'page.css': 'text/css; charset=utf-8' };
type AssetName = keyof typeof places;

/** The files that were read before. */
const read = new Map<AssetName, Asset>();

function assetNamed(name: AssetName): Asset {
  let asset = read.get(name);
  if (asset === undefined) {
    const bytes = Uint8Array.from(readFileSync(places[name]));
    const tag = createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
    asset = { type: types[name], bytes, tag };
    read.set(name, asset);
  }
  return asset;
}

/** Returns the response to a request for a file; `undefined` for an unknown file. */
export function assetResponse(name: string, request: Request): Response | undefined {
  if (!Object.hasOwn(places, name)) return undefined;
  const { type, bytes, tag } = assetNamed(name as AssetName);
  const headers = { etag: `"${tag}"`, 'cache-control': 'no-cache', 'content-type': type };
  if (request.headers.get('if-none-match') === `"${tag}"`) return new Response(null, { status: 304, headers });
  return new Response(bytes, { headers });
}

/** Returns the document in which the page runs. */
export function documentAt(path: string, access: string): string {
  const version = (name: AssetName) => `assets/${name}?${assetNamed(name).tag}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>callsheet</title>
<base href="${escapeHtml(path)}">
${iconLink}
<link rel="stylesheet" href="${version('page.css')}">
<script type="module" src="${version('page.js')}"></script>
</head>
<body data-access="${escapeHtml(access)}"><div id="page"><noscript>The page needs JavaScript.</noscript></div></body>
</html>
`;
}
